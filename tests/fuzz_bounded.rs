//! The fuzz targets without a fuzzer: the same bodies, over their seeds and a fixed number of mutations of them, the same
//! ones each time. `fuzz/run` goes further, where the toolchain is at hand.

#[path = "../fuzz/bodies/pattern.rs"]
mod pattern;

use std::fs;
use std::path::Path;
use tenantry_asl::fuzzing;

/// What the languages are made of; put in wherever it does not belong.
const WORDS: [&str; 28] = [
    "$",
    "$$",
    "..",
    "[*]",
    "[?(@",
    ")]",
    "[-1:]",
    "'",
    "\\'",
    "{}",
    "{% ",
    " %}",
    "States.Array(",
    "$.a",
    "null",
    "-0",
    "1e308",
    "\u{0}",
    "\u{10ffff}",
    "\"",
    "{\"",
    "]}",
    "\n---\n",
    "function($x){$x}",
    "~>",
    "99999999999999999999",
    "\"numeric\":[",
    "((((((((",
];

/// SplitMix64. <https://prng.di.unimi.it/splitmix64.c>
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound.max(1) as u64).expect("below a usize")
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder can be read").path())
        .collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).expect("a seed can be read")).collect();
    assert!(!seeds.is_empty(), "no seeds in {}", folder.display());
    seeds
}

/// Some bytes lost, doubled, changed, taken from another seed, or a word put in.
fn mutated(seeds: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut data = seeds[chance.below(seeds.len())].clone();
    for _ in 0..=chance.below(4) {
        let at = chance.below(data.len() + 1);
        let end = (at + chance.below(24)).min(data.len());
        match chance.below(6) {
            0 => drop(data.drain(at..end)),
            1 => {
                let part = data[at..end].to_vec();
                data.splice(at..at, part);
            }
            2 if at < data.len() => data[at] = u8::try_from(chance.below(256)).expect("below 256"),
            3 => {
                let other = &seeds[chance.below(seeds.len())];
                let from = chance.below(other.len() + 1);
                let to = (from + chance.below(48)).min(other.len());
                data.splice(at..end, other[from..to].iter().copied());
            }
            4 => data.truncate(at),
            _ => {
                let word = WORDS[chance.below(WORDS.len())];
                data.splice(at..at, word.bytes());
            }
        }
    }
    data
}

fn fuzz(target: &str, mutations: usize, body: impl Fn(&[u8])) {
    let seeds = seeds(target);
    for seed in &seeds {
        body(seed);
    }
    let mut chance = Chance(1);
    for _ in 0..mutations {
        let data = mutated(&seeds, &mut chance);
        let shown = String::from_utf8_lossy(&data).into_owned();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(&data)));
        assert!(outcome.is_ok(), "the target {target} panics on:\n{shown}");
    }
}

#[test]
fn definitions() {
    fuzz("definition", 10_000, fuzzing::definition);
}

#[test]
fn inputs() {
    fuzz("input", 3_000, fuzzing::input);
}

#[test]
fn paths() {
    fuzz("path", 20_000, fuzzing::path);
}

#[test]
fn patterns() {
    fuzz("pattern", 10_000, pattern::pattern);
}

#[test]
fn expressions() {
    fuzz("expression", 4_000, fuzzing::expression);
}
