# Runs the emulator for as long as somebody holds this script's standard input.
#   $1: its folder; $2: seconds that it may take to end; then the command.
# A line on the standard input, or its end, asks the emulator to end, so that it keeps its state; after that time it is
# killed. Then everything of this process group goes, the functions that it runs among them. Where the input just ended,
# nobody is there to remove the folder.
folder=$1
seconds=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- &
emulator=$!
(
    read -r _ <&3 || : >"$folder/orphaned"
    kill -TERM "$emulator"
    sleep "$seconds"
    kill -KILL "$emulator"
) 2>/dev/null &
wait "$emulator"
echo "$?" >"$folder/status"
if [ -e "$folder/orphaned" ]; then rm -rf "$folder"; fi
kill -KILL 0
