//! What an expression throws: JSONata's codes, with jsonata-js 2.0.6's words for each.
//! <https://github.com/jsonata-js/jsonata/blob/v2.0.6/src/jsonata.js>

use super::value::Value;
use std::fmt;

/// Longest rendering of a value inside a message, in bytes.
const SHOWN_BYTES_MAX: usize = 1_024;

/// An error with its code. Shows itself as `T2001: The left side of …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thrown(Box<Parts>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Parts {
    code: &'static str,
    token: Option<String>,
    value: Option<String>,
    value2: Option<String>,
    exponent: Option<String>,
    index: Option<usize>,
    kind: Option<&'static str>,
    message: Option<String>,
}

pub(crate) type Outcome<T = Value> = Result<T, Thrown>;

impl Thrown {
    pub(crate) fn new(code: &'static str) -> Self {
        Thrown(Box::new(Parts { code, ..Parts::default() }))
    }

    /// A failure that JSONata has no code for, in words of ours.
    pub(crate) fn custom(message: impl Into<String>) -> Self {
        Thrown::new("").message(message)
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// Whether a picture does not say what a text means.
    pub(crate) fn is_picture_incomplete(&self) -> bool {
        self.0.code == "D3136"
    }

    pub(crate) fn token(mut self, token: impl Into<String>) -> Self {
        self.0.token = Some(token.into());
        self
    }

    /// The name of what was called, where the error knows none yet.
    pub(crate) fn called(mut self, name: &str) -> Self {
        self.0.token.get_or_insert_with(|| name.to_owned());
        self
    }

    pub(crate) fn value(mut self, value: &Value) -> Self {
        self.0.value = Some(shown(value));
        self
    }

    /// A value that is no value of the language, such as a piece of the source.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.value = Some(quoted(text));
        self
    }

    pub(crate) fn second_value(mut self, value: &Value) -> Self {
        self.0.value2 = Some(shown(value));
        self
    }

    pub(crate) fn exponent(mut self, value: &Value) -> Self {
        self.0.exponent = Some(shown(value));
        self
    }

    /// Which argument, counted from 1.
    pub(crate) fn index(mut self, index: usize) -> Self {
        self.0.index = Some(index);
        self
    }

    pub(crate) fn kind(mut self, kind: &'static str) -> Self {
        self.0.kind = Some(kind);
        self
    }

    pub(crate) fn message(mut self, message: impl Into<String>) -> Self {
        self.0.message = Some(message.into());
        self
    }

    fn filled(&self, name: &str, raw: bool) -> String {
        let parts = &*self.0;
        let text = |text: &Option<String>| match text {
            Some(text) if raw => text.clone(),
            Some(text) => quoted(text),
            None => "undefined".to_owned(),
        };
        let rendered = |value: &Option<String>| value.clone().unwrap_or_else(|| "undefined".to_owned());
        match name {
            "token" => text(&parts.token),
            "message" => text(&parts.message),
            "value" => rendered(&parts.value),
            "value2" => rendered(&parts.value2),
            "exp" => rendered(&parts.exponent),
            "index" => parts.index.map_or_else(|| "undefined".to_owned(), |index| index.to_string()),
            "type" => parts.kind.map_or_else(|| "undefined".to_owned(), quoted),
            _ => String::new(),
        }
    }
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.0.code;
        if !code.is_empty() {
            write!(f, "{code}: ")?;
        }
        let mut rest = template(code);
        while let Some(at) = rest.find("{{") {
            f.write_str(&rest[..at])?;
            let raw = rest[at..].starts_with("{{{");
            let (open, close) = if raw { (3, "}}}") } else { (2, "}}") };
            let after = &rest[at + open..];
            let Some(end) = after.find(close) else { break };
            f.write_str(&self.filled(&after[..end], raw))?;
            rest = &after[end + close.len()..];
        }
        f.write_str(rest)
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    super::text::quote(text, &mut out);
    cut(out)
}

fn shown(value: &Value) -> String {
    let mut out = String::new();
    super::text::sketch(value, SHOWN_BYTES_MAX, &mut out);
    cut(out)
}

fn cut(mut text: String) -> String {
    if text.len() > SHOWN_BYTES_MAX {
        let end = (0..=SHOWN_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Double braces stand for a value as JSON, triple braces for its bare text.
fn template(code: &str) -> &'static str {
    match code {
        "S0101" => "String literal must be terminated by a matching quote",
        "S0102" => "Number out of range: {{token}}",
        "S0103" => "Unsupported escape sequence: \\{{token}}",
        "S0104" => "The escape sequence \\u must be followed by 4 hex digits",
        "S0105" => "Quoted property name must be terminated with a backquote (`)",
        "S0106" => "Comment has no closing tag",
        "S0201" => "Syntax error: {{token}}",
        "S0202" => "Expected {{value}}, got {{token}}",
        "S0203" => "Expected {{value}} before end of expression",
        "S0204" => "Unknown operator: {{token}}",
        "S0205" => "Unexpected token: {{token}}",
        "S0206" => "Unknown expression type: {{token}}",
        "S0207" => "Unexpected end of expression",
        "S0208" => "Parameter {{value}} of function definition must be a variable name (start with $)",
        "S0209" => "A predicate cannot follow a grouping expression in a step",
        "S0210" => "Each step can only have one grouping expression",
        "S0211" => "The symbol {{token}} cannot be used as a unary operator",
        "S0212" => "The left side of := must be a variable name (start with $)",
        "S0213" => "The literal value {{value}} cannot be used as a step within a path expression",
        "S0214" => "The right side of {{token}} must be a variable name (start with $)",
        "S0215" => "A context variable binding must precede any predicates on a step",
        "S0216" => "A context variable binding must precede the 'order-by' clause on a step",
        "S0217" => "The object representing the 'parent' cannot be derived from this expression",
        "S0301" => "Empty regular expressions are not allowed",
        "S0302" => "No terminating / in regular expression",
        "S0401" => "Type parameters can only be applied to functions and arrays",
        "S0402" => "Choice groups containing parameterized types are not supported",
        "T0410" => "Argument {{index}} of function {{token}} does not match function signature",
        "T0411" => "Context value is not a compatible type with argument {{index}} of function {{token}}",
        "T0412" => "Argument {{index}} of function {{token}} must be an array of {{type}}",
        "D1001" => "Number out of range: {{value}}",
        "D1002" => "Cannot negate a non-numeric value: {{value}}",
        "T1003" => "Key in object structure must evaluate to a string; got: {{value}}",
        "D1004" => "Regular expression matches zero length string",
        "T1005" => "Attempted to invoke a non-function. Did you mean ${{{token}}}?",
        "T1006" => "Attempted to invoke a non-function",
        "T1007" => "Attempted to partially apply a non-function. Did you mean ${{{token}}}?",
        "T1008" => "Attempted to partially apply a non-function",
        "D1009" => "Multiple key definitions evaluate to same key: {{value}}",
        "T1010" => {
            "The matcher function argument passed to function {{token}} does not return the correct object structure"
        }
        "T2001" => "The left side of the {{token}} operator must evaluate to a number",
        "T2002" => "The right side of the {{token}} operator must evaluate to a number",
        "T2003" => "The left side of the range operator (..) must evaluate to an integer",
        "T2004" => "The right side of the range operator (..) must evaluate to an integer",
        "T2006" => "The right side of the function application operator ~> must be a function",
        "T2007" => "Type mismatch when comparing values {{value}} and {{value2}} in order-by clause",
        "T2008" => "The expressions within an order-by clause must evaluate to numeric or string values",
        "T2009" => {
            "The values {{value}} and {{value2}} either side of operator {{token}} must be of the same data type"
        }
        "T2010" => {
            "The expressions either side of operator {{token}} must evaluate to numeric or string values"
        }
        "T2011" => {
            "The insert/update clause of the transform expression must evaluate to an object: {{value}}"
        }
        "T2012" => {
            "The delete clause of the transform expression must evaluate to a string or array of strings: {{value}}"
        }
        "T2013" => {
            "The transform expression clones the input object using the $clone() function.  This has been overridden in the current scope by a non-function."
        }
        "D2014" => {
            "The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to allocate {{value}}."
        }
        "D3001" => "Attempting to invoke string function on Infinity or NaN",
        "D3010" => "Second argument of replace function cannot be an empty string",
        "D3011" => "Fourth argument of replace function must evaluate to a positive number",
        "D3012" => "Attempted to replace a matched string with a non-string value",
        "D3020" => "Third argument of split function must evaluate to a positive number",
        "D3030" => "Unable to cast value to a number: {{value}}",
        "D3040" => "Third argument of match function must evaluate to a positive number",
        "D3050" => "The second argument of reduce function must be a function with at least two arguments",
        "D3060" => "The sqrt function cannot be applied to a negative number: {{value}}",
        "D3061" => {
            "The power function has resulted in a value that cannot be represented as a JSON number: base={{value}}, exponent={{exp}}"
        }
        "D3070" => {
            "The single argument form of the sort function can only be applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison function"
        }
        "D3080" => "The picture string must only contain a maximum of two sub-pictures",
        "D3081" => {
            "The sub-picture must not contain more than one instance of the 'decimal-separator' character"
        }
        "D3082" => "The sub-picture must not contain more than one instance of the 'percent' character",
        "D3083" => "The sub-picture must not contain more than one instance of the 'per-mille' character",
        "D3084" => "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
        "D3085" => {
            "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'"
        }
        "D3086" => {
            "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character"
        }
        "D3087" => {
            "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character"
        }
        "D3088" => "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
        "D3089" => {
            "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character"
        }
        "D3090" => {
            "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'"
        }
        "D3091" => {
            "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'"
        }
        "D3092" => {
            "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'"
        }
        "D3093" => {
            "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'"
        }
        "D3100" => "The radix of the formatBase function must be between 2 and 36.  It was given {{value}}",
        "D3110" => {
            "The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given {{value}}"
        }
        "D3120" => "Syntax error in expression passed to function eval: {{value}}",
        "D3121" => "Dynamic error evaluating the expression passed to function eval: {{value}}",
        "D3130" => {
            "Formatting or parsing an integer as a sequence starting with {{value}} is not supported by this implementation"
        }
        "D3131" => "In a decimal digit pattern, all digits must be from the same decimal group",
        "D3132" => "Unknown component specifier {{value}} in date/time picture string",
        "D3133" => {
            "The 'name' modifier can only be applied to months and days in the date/time picture string, not {{value}}"
        }
        "D3134" => "The timezone integer format specifier cannot have more than four digits",
        "D3135" => "No matching closing bracket ']' in date/time picture string",
        "D3136" => "The date/time picture string is missing specifiers required to parse the timestamp",
        "D3138" => "The $single() function expected exactly 1 matching result.  Instead it matched more.",
        "D3139" => "The $single() function expected exactly 1 matching result.  Instead it matched 0.",
        "D3140" => "Malformed URL passed to ${{{token}}}(): {{value}}",
        // The message is the expression's own, or ours where JSONata has none.
        _ => "{{{message}}}",
    }
}

/// The code among those above with this text, so that a library's error can be told in the official words.
pub(crate) fn known_code(text: &str) -> Option<&'static str> {
    const PICTURES: &[&str] = &[
        "D3080", "D3081", "D3082", "D3083", "D3084", "D3085", "D3086", "D3087", "D3088", "D3089", "D3090",
        "D3091", "D3092", "D3093", "D3100", "D3110", "D3130", "D3131", "D3132", "D3133", "D3134", "D3135",
        "D3136", "D3001", "D1001",
    ];
    PICTURES.iter().find(|code| text.contains(**code)).copied()
}
