//! Code for functions that die as a test wants, made from the real zip.

use crate::stack::Stack;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Takes an invocation, and dies with it.
const DIE: &str = r#"python3 -c "
import os, urllib.request
urllib.request.urlopen('http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/next').read()
os._exit(1)
"
exit 1
"#;

/// Puts a script in the place of the bootstrap, and the bootstrap beside it as `real`.
const PACK: &str = r#"
import sys, zipfile
source, script, target = sys.argv[1:]
with zipfile.ZipFile(source) as zip:
    real = zip.read("bootstrap")
with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as zip:
    for name, content in (("bootstrap", script), ("real", real)):
        entry = zipfile.ZipInfo(name)
        entry.external_attr, entry.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED
        zip.writestr(entry, content)
"#;

/// The real zip.
///
/// # Panics
/// Where it cannot be read.
pub fn real(stack: &Stack) -> Vec<u8> {
    std::fs::read(&stack.prepared.zip).expect("the zip")
}

/// Code that dies at each invocation.
///
/// # Panics
/// Where it cannot be packed.
pub fn always_dies(stack: &Stack, folder: &Path) -> Vec<u8> {
    pack(stack, folder, &format!("#!/bin/sh\n{DIE}"))
}

/// Code whose first process takes an invocation and dies with it, and that is the real bootstrap from then on; and the
/// mark by which one can see that it died.
///
/// # Panics
/// Where it cannot be packed.
pub fn dies_once(stack: &Stack, folder: &Path) -> (Vec<u8>, PathBuf) {
    let mark = folder.join("died");
    let script = format!(
        "#!/bin/sh\nif mkdir '{}' 2>/dev/null; then\n{DIE}fi\nexec \"$(dirname \"$0\")/real\"\n",
        mark.display()
    );
    (pack(stack, folder, &script), mark)
}

fn pack(stack: &Stack, folder: &Path, script: &str) -> Vec<u8> {
    let zip = folder.join("code.zip");
    let status = Command::new(stack.emulator.python())
        .args(["-c", PACK])
        .arg(&stack.prepared.zip)
        .arg(script)
        .arg(&zip)
        .status()
        .expect("Python runs");
    assert!(status.success(), "the code cannot be packed");
    std::fs::read(zip).expect("the zip")
}
