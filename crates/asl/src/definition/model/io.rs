//! How a state makes its input, output and variables: one form per query language.

use crate::Template;
use crate::jsonpath::{Intrinsic, Path, PayloadTemplate, ReferencePath};
use crate::state::Payload;

/// The fields of a state that any state may have.
#[derive(Debug)]
pub(crate) enum Io {
    Jsonata(JsonataIo),
    JsonPath(Box<PathIo>),
}

/// In JSONata: `Arguments` (Task and Parallel), then `Output` and `Assign`.
#[derive(Debug, Default)]
pub(crate) struct JsonataIo {
    pub(crate) arguments: Option<Template>,
    pub(crate) results: Results,
}

/// The fields that make output and variables, in JSONata. A state, a Choice rule and a Catch rule each have them.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) output: Option<Template>,
    pub(crate) assign: Vec<(String, Template)>,
}

/// In JSONPath. <https://states-language.net/spec.html#filters>
#[derive(Debug, Default)]
pub(crate) struct PathIo {
    pub(crate) input_path: PathField,
    /// `Parameters` of Task, Pass and Parallel. A Map's old `Parameters` is its `ItemSelector`.
    pub(crate) parameters: Option<PayloadTemplate>,
    /// A Pass state's `Result`.
    pub(crate) result: Option<Payload>,
    pub(crate) result_selector: Option<PayloadTemplate>,
    pub(crate) result_path: ResultPath,
    pub(crate) output_path: PathField,
    pub(crate) assign: Option<PayloadTemplate>,
}

/// `InputPath` or `OutputPath`.
#[derive(Debug, Default)]
pub(crate) enum PathField {
    /// Not given, or `$`.
    #[default]
    Whole,
    /// `null`: an empty object.
    Empty,
    At(Path),
}

/// `ResultPath`.
#[derive(Debug, Default)]
pub(crate) enum ResultPath {
    /// Not given, or `$`: the result takes the input's place.
    #[default]
    Whole,
    /// `null`: the result is thrown away.
    Discard,
    At(ReferencePath),
}

/// What a Choice rule assigns, and in JSONata gives.
#[derive(Debug)]
pub(crate) enum RuleIo {
    Jsonata(Results),
    /// `Assign`.
    JsonPath(Option<PayloadTemplate>),
}

/// What a Catch rule makes of an error.
#[derive(Debug)]
pub(crate) enum CatchIo {
    Jsonata(Results),
    JsonPath { result_path: ResultPath, assign: Option<PayloadTemplate> },
}

/// A template in either language: `ItemSelector`, `BatchInput`, a reader's or writer's `Arguments` or `Parameters`,
/// `Credentials`.
#[derive(Debug)]
pub(crate) enum Computed {
    Jsonata(Template),
    JsonPath(PayloadTemplate),
}

/// What a field takes that a payload template's `.$` members take.
#[derive(Debug)]
pub(crate) enum PathOrIntrinsic {
    Path(Path),
    Intrinsic(Intrinsic),
}
