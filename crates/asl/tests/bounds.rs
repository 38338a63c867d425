//! The bounds of an evaluation, measured: what hostile expressions, templates and definitions take is counted by the
//! allocator itself, and the steps by the evaluator. One test in one binary, so that nothing else allocates meanwhile.

use peak_alloc::PeakAlloc;
use serde_json::{Value, json};
use std::sync::Mutex;
use tenantry_asl::{
    Closed, Env, EvaluationError, Evaluator, Event, ExecutionState, Expression, Identity, JsonataEvaluator,
    Scope, Spent, parse, step, validate,
};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The budget of one evaluation.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Evaluates, and notes what it took.
#[derive(Default)]
struct Metered(Mutex<Option<Spent>>);

impl Evaluator for Metered {
    fn evaluate(&self, expression: &Expression, scope: &Scope<'_>) -> Result<Option<Value>, EvaluationError> {
        let (result, spent) = JsonataEvaluator.evaluate_metered(expression, scope);
        *self.0.lock().expect("no test panics with it") = Some(spent);
        result
    }
}

/// Peak bytes above what was held before.
fn measured<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = run();
    (result, ALLOCATOR.peak_usage().saturating_sub(before))
}

fn definition(output: &Value) -> String {
    json!({
        "QueryLanguage": "JSONata",
        "StartAt": "Only",
        "States": {"Only": {"Type": "Pass", "Output": output, "End": true}},
    })
    .to_string()
}

/// Runs a machine of one state to its end; how it closed, and what the last evaluation took.
fn run(text: &str, input: Value) -> (Option<Closed>, Option<Spent>) {
    let definition = parse(text).unwrap_or_else(|problems| panic!("{problems:?}"));
    let metered = Metered::default();
    let env = Env { now_ms: 1_767_225_600_000, seed: 7, evaluator: &metered };
    let mut state = ExecutionState::default();
    let started = Event::Started { input, identity: Identity::default() };
    state.apply(&step(&definition, &state, &started, &env).change);
    (state.closed().cloned(), metered.0.into_inner().expect("no test panics with it"))
}

/// Each would take gigabytes or minutes without bounds, in an engine that has none.
const HOSTILE: &[&str] = &[
    // Texts.
    "$pad('x', 1e9)",
    "$pad('x', -1e300)",
    "$map([1..100], function($i) { $pad('x', 1000000) })",
    "$reduce([1..60], function($a) { $a & $a }, 'aaaaaaaa')",
    "($s := $pad('x', 1000000); $join($map([1..1000], function() { $s }), ''))",
    "($s := $pad('x', 100000); $join($map([1..90000], function() { 'a' }), $s))",
    "($s := $pad('x', 1000000); $string($map([1..1000], function() { $s })))",
    "($s := $pad('x', 100000, 'x'); $replace($s, 'x', $s))",
    "($s := $pad('x', 100000, 'x'); $replace($s, /x/, function($m) { $s }))",
    "($s := $pad('x', 1000000, 'x'); $map([1..200], function($i) { $substring($s, $i) }))",
    "$split($pad('x', 1000000, 'x'), '')",
    "$split($pad('x', 1000000, 'x'), /x/)",
    "$match($pad('x', 1000000, 'x'), /(x)/)",
    "$encodeUrl($pad('\u{1f4a9}', 4000000, '\u{1f4a9}'))",
    "$uppercase($pad('\u{149}', 9000000, '\u{149}'))",
    "$error($pad('x', 3000000, 'x'))",
    // Regular expressions.
    "/(a|aa)+$/($pad('a', 100000, 'a') & 'b')",
    "$match($pad('a', 100000, 'a'), /a(?=(a|aa)+b)/)",
    "$contains($pad('a', 100000, 'a'), /(a*)*\\1b/)",
    "$contains($pad('x', 100000, 'x'), /(x{1,30}){1,30}y/)",
    // Arrays.
    "[1..9000000].($ & '')",
    "$map([1..9000000], function($i) { [$i] })",
    "[1..9000000]",
    "$append([1..9000000], [1..9000000])",
    "$reverse([1..9000000])",
    "$sort([1..9000000])",
    "$shuffle([1..9000000])",
    "$distinct([1..9000000])",
    "$zip([1..1000000], [1..1000000], [1..1000000])",
    "$map([1..1000], function($v) { $map([1..1000], function($w) { [$w, $v, $w, $v] }) })",
    "[1..100000].[1..100000]",
    "[1..50000].[$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$,$]",
    "$partition([1..1000000], 1)",
    "($a := [1..100000]; $filter($a, function($v) { $v in $a }))",
    "$sort([1..100000], function($a, $b) { $a < $b })",
    "$reduce([1..100000], function($a, $v) { $append($a, $v) }, [])",
    // Objects.
    "$merge([1..500000].{$string($): $})",
    "[1..500000]{$string($): $}",
    "$spread([1..500000].{'a': $, 'b': $})",
    "$each($merge([1..100000].{$string($): $}), function($v, $k) { {'k': $k, 'v': $v} })",
    "$distinct([1..100000].{'x': $})",
    "($x := {'a': [1..50000].{'b': $}}; [1..50].($x ~> |a|{'c': $string(b)}|))",
    "($x := [1..100000].{'b': $}; $x ~> |$|{'c': $x}|)",
    "($x := {'a': {}}; $x ~> |**|{'s': $x}|)",
    // Shared parts that are written out again and again.
    "$string($reduce([1..60], function($a) { [$a, $a] }, 1))",
    "$reduce([1..60], function($a) { [$a, $a] }, 1)",
    "$reduce([1..60], function($a) { {'l': $a, 'r': $a} }, 1)",
    "($a := $reduce([1..30], function($a) { [$a, $a] }, 1); $b := $reduce([1..30], function($a) { [$a, $a] }, 1); $a = $b)",
    "$reduce([1..90], function($a) { [[$a], [$a]] }, 1) ~> $hash('MD5')",
    // Bindings.
    "[1..100000]#$i.{'a': $i}",
    "[1..3000]@$a.[1..3000]@$b.{'a': $a, 'b': $b}",
    // Recursion.
    "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
    "($f := function($n) { $f($n + 1) }; $f(0))",
    "($f := function($n) { $n > 0 ? [$f($n - 1), $f($n - 1)] : 1 }; $f(40))",
    "$reduce([1..100000], function($a) { [$a] }, 1)",
    "$reduce([1..100000], function($f, $i) { function() { $f } }, 1)",
    "($y := function($f) { function($x) { $x($x) }(function($x) { $f(function($n) { $x($x)($n) }) }) }; $y(function($s) { function($n) { $s($n) } })(1))",
    "[1..200000].(function($x) { ($g := function() { $g }; $g) })($)",
    // Pictures.
    "$formatNumber(1e300, '#0.' & $pad('0', 100000, '0'))",
    "$fromMillis(0, $pad('[Y0001]', 700000, '[Y0001]'))",
    "$fromMillis(0, '[Y,1000]')",
    "$fromMillis(8.64e15, '[Y,*-999]')",
    "$formatInteger(1e14, 'I')",
    "$formatInteger(1e300, 'w')",
    "$toMillis($pad('1', 1000000, '1'), '[Y]')",
    // JSON in JSON.
    "$parse('[' & $join($map([1..500000], function() { '[]' }), ',') & ']')",
    "$parse($pad('[', 200000, '['))",
    "$parse('{' & $join($map([1..200000], function($i) { '\"' & $i & '\":{}' }), ',') & '}')",
];

#[test]
fn nothing_outgrows_its_budget() {
    // What is made once for the whole process is no evaluation's.
    run(&definition(&json!("{% $fromMillis(0, '[Y0001]') & $formatInteger(1, 'w') & $uuid() %}")), json!({}));
    let mut most = (0, 0);
    for expression in HOSTILE {
        let text = definition(&json!(format!("{{% {expression} %}}")));
        let ((_, spent), bytes) = measured(|| run(&text, json!({})));
        assert!(bytes <= BYTES_MAX, "{expression}: {bytes} bytes");
        let spent = spent.unwrap_or_else(|| panic!("{expression} was not evaluated"));
        assert!(spent.fuel <= JsonataEvaluator::FUEL_MAX, "{expression}: {spent:?}");
        most = (most.0.max(bytes), most.1.max(spent.fuel));
    }
    // The bounds are met, not just never come near.
    assert_eq!(most.1, JsonataEvaluator::FUEL_MAX);
    assert!(most.0 > BYTES_MAX / 4, "{most:?}");

    deep_and_long_sources_stay_small();
    paths_and_functions_stay_small();
    definitions_and_inputs_stay_small();
    an_evaluation_leaves_nothing_behind();
}

/// Definitions whose expressions are as large as a definition may be.
fn deep_and_long_sources_stay_small() {
    let sources = [
        format!("[{}1]", "1,".repeat(400_000)),
        format!("{{{}'z':1}}", "'a':1,".repeat(100_000)),
        "[".repeat(500_000),
        "(".repeat(500_000),
        "-".repeat(500_000),
        format!("1{}", "+1".repeat(400_000)),
        format!("$x{}", ".a".repeat(400_000)),
        format!("$x{}", "[0]".repeat(300_000)),
        format!("$f{}", "()".repeat(400_000)),
        format!("function($a){}", "<".repeat(400_000)),
        format!("/{}/", "(a".repeat(400_000)),
        "/(((x{1,100}){1,100}){1,100}){1,100}/".to_owned(),
        format!("/{}/", "\\p{L}{1,100}".repeat(100)),
        format!("/{}/", "(?=\\p{L}{1,9})".repeat(100)),
        format!("$x.{}", "%.".repeat(300_000)),
    ];
    for source in sources {
        let text = definition(&json!(format!("{{% {source} %}}")));
        let (_, bytes) = measured(|| validate(&text).len());
        let start: String = source.chars().take(20).collect();
        assert!(bytes <= BYTES_MAX, "{start}…: {bytes} bytes");
    }
}

/// The JSONPath language: what a template of paths and intrinsic functions may make is held by its own budget.
fn paths_and_functions_stay_small() {
    let list = json!({"a": vec![vec![1; 50]; 500], "t": "x".repeat(100_000), "n": 0});
    let large_text = format!("States.Format('{}', {})", "{}".repeat(5_000), vec!["$.t"; 5_000].join(", "));
    let copies = format!("States.Array({})", vec!["$.a"; 5_000].join(", "));
    let nested = (0..9).fold("$.a".to_owned(), |inner, _| format!("States.Array({inner}, {inner})"));
    let sources = [
        "$..*..*..*".to_owned(),
        "$..a..a..*..*..*".to_owned(),
        "$.a[*][?(@ < $.a[*][*].sum())]".to_owned(),
        "$..[?(@..* == $..*)]".to_owned(),
        format!("${}", "..*".repeat(200)),
        format!("$.a[{}]", vec!["0:500"; 2_000].join(",")),
        format!("$[{}]", vec!["'a'"; 20_000].join(",")),
        large_text,
        copies,
        nested,
        "States.ArrayRange(0, 100000000, 1)".to_owned(),
        "States.StringSplit($.t, 'x')".to_owned(),
        "States.Base64Encode($.t)".to_owned(),
        "States.JsonToString($)".to_owned(),
        "States.ArrayUnique($..*)".to_owned(),
    ];
    for source in sources {
        // The same many times over: what is spent is spent by the whole template.
        for times in [1, 100] {
            let members = (0..times).map(|at| (format!("m{at}.$"), json!(source)));
            let text = json!({
                "StartAt": "Only",
                "States": {"Only": {
                    "Type": "Pass",
                    "Parameters": members.collect::<serde_json::Map<_, _>>(),
                    "ResultPath": "$.made",
                    "End": true,
                }},
            })
            .to_string();
            if !validate(&text).is_empty() {
                continue;
            }
            let input = list.clone();
            let ((closed, _), bytes) = measured(|| run(&text, input));
            let start: String = source.chars().take(30).collect();
            assert!(closed.is_some(), "{start}…");
            // What was made and the state's output made of it, together.
            assert!(bytes <= BYTES_MAX, "{start}… {times} times: {bytes} bytes");
        }
    }
}

/// Definitions up to the greatest size that is taken, odd in other ways than by their expressions.
fn definitions_and_inputs_stay_small() {
    let state = |name: &str| format!("\"{name}\":{{\"Type\":\"Succeed\"}}");
    let states: Vec<String> = (0..30_000).map(|at| state(&format!("s{at}"))).collect();
    let nested =
        |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    let map = "{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"ItemProcessor\":";
    let sources = [
        format!("{{\"StartAt\":\"s0\",\"States\":{{{}}}}}", states.join(",")),
        format!("{{\"StartAt\":\"s\",\"States\":{{{}}}}}", vec![state("s"); 30_000].join(",")),
        nested(map, "}}}", 10_000),
        nested("[", "]", 500_000),
        nested("{\"a\":", "}", 150_000),
        format!("[{}1]", "1,".repeat(500_000)),
        format!("{{{}\"z\":1}}", (0..80_000).map(|at| format!("\"k{at}\":[],")).collect::<String>()),
        format!(
            "{{\"StartAt\":\"C\",\"States\":{{\"C\":{{\"Type\":\"Choice\",\"Choices\":[{}]}}}}}}",
            vec!["{}"; 300_000].join(",")
        ),
        format!("{{\"Comment\":\"{}\"}}", "\\u0041".repeat(170_000)),
        format!("{{\"Comment\":{}}}", "9".repeat(1_000_000)),
    ];
    for source in sources {
        let (problems, bytes) = measured(|| validate(&source).len());
        let start: String = source.chars().take(30).collect();
        assert!(bytes <= BYTES_MAX, "{start}…: {bytes} bytes, {problems} problems");
    }
}

/// Closures and their frames hold each other; what an evaluation made is gone with it.
fn an_evaluation_leaves_nothing_behind() {
    let text = definition(&json!(
        "{% ($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $g := function() { $f }; $h := [$g, {'g': $g}]; $count($map([1..200], function($i) { ($k := function() { $k }; $k) })) + $f(20)) %}"
    ));
    let definition = parse(&text).expect("it is valid");
    let env = Env { now_ms: 0, seed: 7, evaluator: &JsonataEvaluator };
    let once = || {
        let started = Event::Started { input: json!({}), identity: Identity::default() };
        drop(step(&definition, &ExecutionState::default(), &started, &env));
    };
    once();
    let before = ALLOCATOR.current_usage();
    (0..20).for_each(|_| once());
    let after = ALLOCATOR.current_usage();
    assert!(after <= before + 4_096, "{before} bytes became {after}");
}
