//! Fields that hold paths, reference paths and calls of intrinsic functions.

use super::Parser;
use super::fields::At;
use crate::definition::model::{PathField, PathOrIntrinsic, ResultPath};
use crate::jsonpath::{Intrinsic, Path, ReferencePath, Root};

const NO_JSONPATH: &str = "Value must be a valid JSONPath.";
const NO_REFERENCE: &str = "Value is not a Reference Path";

impl Parser<'_> {
    /// `InputPath` or `OutputPath`.
    pub(super) fn path_field(&mut self, at: &At<'_>) -> PathField {
        if at.is_null() {
            return PathField::Empty;
        }
        match self.path(at) {
            Some(path) if !path.is_input() => PathField::At(path),
            _ => PathField::Whole,
        }
    }

    /// `ResultPath`.
    pub(super) fn result_path(&mut self, at: &At<'_>) -> ResultPath {
        if at.is_null() {
            return ResultPath::Discard;
        }
        let Some(text) = self.path_text(at) else { return ResultPath::Whole };
        match ReferencePath::parse(text) {
            Ok(path) if path.is_input() => ResultPath::Whole,
            Ok(path) => ResultPath::At(path),
            Err(problem) => {
                self.schema(at, NO_REFERENCE)
                    .hint(format!("{problem}: a ResultPath begins with '$' and has names and indices only"));
                ResultPath::Whole
            }
        }
    }

    /// Any path.
    pub(super) fn path(&mut self, at: &At<'_>) -> Option<Path> {
        let text = self.path_text(at)?;
        match Path::parse(text) {
            Ok(path) => {
                self.reads(path.variable());
                Some(path)
            }
            Err(problem) => {
                self.schema(at, NO_JSONPATH).hint(problem.to_string());
                None
            }
        }
    }

    /// A path that names one place, to be read: of the input, of the context object or of a variable.
    pub(super) fn reference_to_read(&mut self, at: &At<'_>) -> Option<Path> {
        let text = self.path_text(at)?;
        self.reference(at, text)
    }

    /// As [`Parser::reference_to_read`], with the words that AWS has for Choice rules.
    pub(super) fn reference_of_choice(&mut self, at: &At<'_>) -> Option<Path> {
        let text = self.string(at)?;
        if !text.starts_with('$') {
            self.schema(at, format!("{NO_REFERENCE}: Reference path didn't start with '$'"));
            return None;
        }
        self.reference(at, text)
    }

    fn reference(&mut self, at: &At<'_>, text: &str) -> Option<Path> {
        let problem = match Path::parse(text) {
            Ok(path) if names_one_place(&path) => {
                self.reads(path.variable());
                return Some(path);
            }
            Ok(_) => "a reference path has names and indices only".to_owned(),
            Err(problem) => problem.to_string(),
        };
        self.schema(at, NO_REFERENCE).hint(problem);
        None
    }

    /// `ErrorPath` or `CausePath`.
    pub(super) fn path_or_intrinsic(&mut self, at: &At<'_>) -> Option<PathOrIntrinsic> {
        let text = self.string(at)?;
        if text.starts_with('$') {
            return self.reference(at, text).map(PathOrIntrinsic::Path);
        }
        match Intrinsic::parse(text) {
            Ok(intrinsic) => {
                self.reads(intrinsic.variables());
                Some(PathOrIntrinsic::Intrinsic(intrinsic))
            }
            Err(problem) => {
                self.schema(at, "Value must be a valid JSONPath or a valid intrinsic function call")
                    .hint(problem.to_string());
                None
            }
        }
    }

    /// The text of a path: it begins with `$`.
    fn path_text<'a>(&mut self, at: &At<'a>) -> Option<&'a str> {
        let text = self.string(at)?;
        if !text.starts_with('$') {
            self.schema(at, NO_JSONPATH).hint("a path begins with '$'");
            return None;
        }
        Some(text)
    }
}

/// Whether a path is a reference path, whatever it begins at.
fn names_one_place(path: &Path) -> bool {
    let text = match path.root() {
        Root::Input => path.text().to_owned(),
        Root::Context => path.text().replacen("$$", "$", 1),
        Root::Variable(name) => path.text().replacen(&format!("${name}"), "$", 1),
    };
    ReferencePath::parse(&text).is_ok()
}
