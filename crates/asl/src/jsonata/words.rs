//! The words of every error that an expression can meet, as jsonata-js 2.0.6 says them.

use super::suite::{Case, Given, evaluate};
use serde_json::json;

/// An expression, and what it throws where the input is an object.
const WORDS: &[(&str, &str)] = &[
    (r#""\u12""#, r#"S0104: The escape sequence \u must be followed by 4 hex digits"#),
    (r#""abc"#, r#"S0101: String literal must be terminated by a matching quote"#),
    (r#"/*"#, r#"S0106: Comment has no closing tag"#),
    (r#"`x"#, r#"S0105: Quoted property name must be terminated with a backquote (`)"#),
    (r#"1e999"#, r#"S0102: Number out of range: "1e999""#),
    (r#""\q""#, r#"S0103: Unsupported escape sequence: \"q""#),
    (r#"1 +"#, r#"S0207: Unexpected end of expression"#),
    (r#")"#, r#"S0211: The symbol ")" cannot be used as a unary operator"#),
    (r#"$x := "#, r#"S0207: Unexpected end of expression"#),
    (r#"[1"#, r#"S0203: Expected "]" before end of expression"#),
    (r#"(1;"#, r#"S0203: Expected ")" before end of expression"#),
    (r#"1 = = 2"#, r#"S0211: The symbol "=" cannot be used as a unary operator"#),
    (r#"@"#, r#"S0211: The symbol "@" cannot be used as a unary operator"#),
    (r#"^"#, r#"S0211: The symbol "^" cannot be used as a unary operator"#),
    (r#"5 := 1"#, r#"S0212: The left side of := must be a variable name (start with $)"#),
    (r#"a.1"#, r#"S0213: The literal value 1 cannot be used as a step within a path expression"#),
    (r#"a{"a":1}{"b":2}"#, r#"S0210: Each step can only have one grouping expression"#),
    (r#"a@5"#, r#"S0214: The right side of "@" must be a variable name (start with $)"#),
    (r##"a#5"##, r##"S0214: The right side of "#" must be a variable name (start with $)"##),
    (r#"a[0]@$x.b"#, r#"S0215: A context variable binding must precede any predicates on a step"#),
    (r#"a^(b)@$x.c"#, r#"S0216: A context variable binding must precede the 'order-by' clause on a step"#),
    (r#"%"#, r#"S0217: The object representing the 'parent' cannot be derived from this expression"#),
    (
        r#"function(x){1}"#,
        r#"S0208: Parameter 1 of function definition must be a variable name (start with $)"#,
    ),
    (r#"function($x)<s<n>>{1}"#, r#"S0401: Type parameters can only be applied to functions and arrays"#),
    (
        r#"function($x)<(s<n>)>{1}"#,
        r#"S0402: Choice groups containing parameterized types are not supported"#,
    ),
    (r#"//"#, r#"S0301: Empty regular expressions are not allowed"#),
    (r#"/a"#, r#"S0302: No terminating / in regular expression"#),
    (r#"$foo("#, r#"S0203: Expected ")" before end of expression"#),
    (r#"$abs("a")"#, r#"T0410: Argument 1 of function "abs" does not match function signature"#),
    (
        r#"function($x)<n-:n>{$x}("a")"#,
        r#"T0410: Argument 1 of function undefined does not match function signature"#,
    ),
    (r#"$sum(["a"])"#, r#"T0412: Argument 1 of function "sum" must be an array of "numbers""#),
    (r#"-"a""#, r#"D1002: Cannot negate a non-numeric value: "a""#),
    (r#"{1:2}"#, r#"T1003: Key in object structure must evaluate to a string; got: 1"#),
    (r#"$match("abc",/x*/)"#, r#"D1004: Regular expression matches zero length string"#),
    (r#"count()"#, r#"T1005: Attempted to invoke a non-function. Did you mean $count?"#),
    (r#"count(?)"#, r#"T1007: Attempted to partially apply a non-function. Did you mean $count?"#),
    (r#"$x(?)"#, r#"T1008: Attempted to partially apply a non-function"#),
    (r#"$x()"#, r#"T1006: Attempted to invoke a non-function"#),
    (r#"{"a":1,"a":2}"#, r#"D1009: Multiple key definitions evaluate to same key: "a""#),
    (r#"["a","a"]{$:1, $:2}"#, r#"D1009: Multiple key definitions evaluate to same key: "a""#),
    (
        r#"$match("a", function($s){1})"#,
        r#"T1010: The matcher function argument passed to function "match" does not return the correct object structure"#,
    ),
    (r#""a"+1"#, r#"T2001: The left side of the "+" operator must evaluate to a number"#),
    (r#"1+"a""#, r#"T2002: The right side of the "+" operator must evaluate to a number"#),
    (r#"["a"..1]"#, r#"T2003: The left side of the range operator (..) must evaluate to an integer"#),
    (r#"[1.."a"]"#, r#"T2004: The right side of the range operator (..) must evaluate to an integer"#),
    (r#"1 ~> 2"#, r#"T2006: The right side of the function application operator ~> must be a function"#),
    (
        r#"[{"a":1},{"a":"x"}]^(a)"#,
        r#"T2007: Type mismatch when comparing values 1 and "x" in order-by clause"#,
    ),
    (
        r#"[{"a":[]},{"a":{}}]^(a)"#,
        r#"T2008: The expressions within an order-by clause must evaluate to numeric or string values"#,
    ),
    (
        r#"1 < "a""#,
        r#"T2009: The values 1 and "a" either side of operator "<" must be of the same data type"#,
    ),
    (
        r#"true < 1"#,
        r#"T2010: The expressions either side of operator "<" must evaluate to numeric or string values"#,
    ),
    (
        r#"{} ~> |$|5|"#,
        r#"T2011: The insert/update clause of the transform expression must evaluate to an object: 5"#,
    ),
    (
        r#"{"a":1} ~> |$|{},5|"#,
        r#"T2012: The delete clause of the transform expression must evaluate to a string or array of strings: 5"#,
    ),
    (
        r#"($clone := 5; {} ~> |$|{}|)"#,
        r#"T2013: The transform expression clones the input object using the $clone() function.  This has been overridden in the current scope by a non-function."#,
    ),
    (
        r#"[1..1e8]"#,
        r#"D2014: The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to allocate 100000000."#,
    ),
    (r#"$string(1/0)"#, r#"D3001: Attempting to invoke string function on Infinity or NaN"#),
    (r#"$replace("a","","b")"#, r#"D3010: Second argument of replace function cannot be an empty string"#),
    (
        r#"$replace("a","a","b",-1)"#,
        r#"D3011: Fourth argument of replace function must evaluate to a positive number"#,
    ),
    (
        r#"$replace("a","a",1)"#,
        r#"T0411: Context value is not a compatible type with argument 1 of function "replace""#,
    ),
    (
        r#"$replace("a",/a/,function($m){1})"#,
        r#"D3012: Attempted to replace a matched string with a non-string value"#,
    ),
    (r#"$split("a","",-1)"#, r#"D3020: Third argument of split function must evaluate to a positive number"#),
    (r#"$number("x")"#, r#"D3030: Unable to cast value to a number: "x""#),
    (
        r#"$match("a",/a/,-1)"#,
        r#"D3040: Third argument of match function must evaluate to a positive number"#,
    ),
    (
        r#"$reduce([1,2],function($x){1})"#,
        r#"D3050: The second argument of reduce function must be a function with at least two arguments"#,
    ),
    (r#"$sqrt(-1)"#, r#"D3060: The sqrt function cannot be applied to a negative number: -1"#),
    (
        r#"$power(10,1000)"#,
        r#"D3061: The power function has resulted in a value that cannot be represented as a JSON number: base=10, exponent=1000"#,
    ),
    (
        r#"$sort([1,"a"])"#,
        r#"D3070: The single argument form of the sort function can only be applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison function"#,
    ),
    (
        r#"$formatNumber(1,"0;0;0")"#,
        r#"D3080: The picture string must only contain a maximum of two sub-pictures"#,
    ),
    (
        r#"$formatNumber(1,"0.0.0")"#,
        r#"D3081: The sub-picture must not contain more than one instance of the 'decimal-separator' character"#,
    ),
    (
        r#"$formatNumber(1,"0%%")"#,
        r#"D3082: The sub-picture must not contain more than one instance of the 'percent' character"#,
    ),
    (
        r#"$formatNumber(1,"0‰‰")"#,
        r#"D3083: The sub-picture must not contain more than one instance of the 'per-mille' character"#,
    ),
    (
        r#"$formatNumber(1,"0%‰")"#,
        r#"D3084: The sub-picture must not contain both a 'percent' and a 'per-mille' character"#,
    ),
    (
        r#"$formatNumber(1,".")"#,
        r#"D3085: The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'"#,
    ),
    (
        r#"$formatNumber(1,"0x0")"#,
        r#"D3086: The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character"#,
    ),
    (
        r#"$formatNumber(1,"0,.0")"#,
        r#"D3087: The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character"#,
    ),
    (
        r#"$formatNumber(1,"0,")"#,
        r#"D3088: The sub-picture must not contain a 'grouping-separator' at the end of the integer part"#,
    ),
    (
        r#"$formatNumber(1,"0,,0")"#,
        r#"D3089: The sub-picture must not contain two adjacent instances of the 'grouping-separator' character"#,
    ),
    (
        r#"$formatNumber(1,"0#")"#,
        r#"D3090: The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'"#,
    ),
    (
        r#"$formatNumber(1,".#0")"#,
        r#"D3091: The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'"#,
    ),
    (
        r#"$formatNumber(1,"0e0%")"#,
        r#"D3092: A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'"#,
    ),
    (
        r#"$formatNumber(1,"0e#")"#,
        r#"D3093: The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'"#,
    ),
    (
        r#"$formatBase(1,1)"#,
        r#"D3100: The radix of the formatBase function must be between 2 and 36.  It was given 1"#,
    ),
    (
        r#"$toMillis("x")"#,
        r#"D3110: The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given "x""#,
    ),
    (
        r#"$formatInteger(1,"zz")"#,
        r#"D3130: Formatting or parsing an integer as a sequence starting with "zz" is not supported by this implementation"#,
    ),
    (
        r#"$formatInteger(1,"0١")"#,
        r#"D3131: In a decimal digit pattern, all digits must be from the same decimal group"#,
    ),
    (r#"$fromMillis(0,"[q]")"#, r#"D3132: Unknown component specifier "q" in date/time picture string"#),
    (
        r#"$fromMillis(0,"[YN]")"#,
        r#"D3133: The 'name' modifier can only be applied to months and days in the date/time picture string, not "Y""#,
    ),
    (
        r#"$fromMillis(0,"[Z00000]")"#,
        r#"D3134: The timezone integer format specifier cannot have more than four digits"#,
    ),
    (r#"$fromMillis(0,"[Y")"#, r#"D3135: No matching closing bracket ']' in date/time picture string"#),
    (
        r#"$toMillis("2018 12","[Y] [D]")"#,
        r#"D3136: The date/time picture string is missing specifiers required to parse the timestamp"#,
    ),
    (r#"$error("boom")"#, r#"D3137: boom"#),
    (
        r#"$single([1,2])"#,
        r#"D3138: The $single() function expected exactly 1 matching result.  Instead it matched more."#,
    ),
    (
        r#"$single([])"#,
        r#"D3139: The $single() function expected exactly 1 matching result.  Instead it matched 0."#,
    ),
    (r#"$decodeUrl("%E0%A4%A")"#, r#"D3140: Malformed URL passed to $decodeUrl(): "%E0%A4%A""#),
    (r#"$assert(false,"no")"#, r#"D3141: no"#),
    (r#"$assert(false)"#, r#"D3141: $assert() statement failed"#),
    (r#"1/0 & "a""#, r#"D3001: Attempting to invoke string function on Infinity or NaN"#),
    (r#"1e300*1e300 + 1"#, r#"D1001: Number out of range: null"#),
    (r#"$decodeUrlComponent("%")"#, r#"D3140: Malformed URL passed to $decodeUrlComponent(): "%""#),
    (r#"a..b"#, r#"S0201: Syntax error: "..""#),
    (r#"1 ? "#, r#"S0207: Unexpected end of expression"#),
    (r#"?"#, r#"S0211: The symbol "?" cannot be used as a unary operator"#),
];

#[test]
fn errors_are_told_in_jsonatas_words() {
    let input = json!({"a": 1, "c": [1, 2, 3]});
    for (expression, words) in WORDS {
        let case = Case { expression, input: Some(&input), bindings: None, fuel: None, depth: None };
        match evaluate(&case) {
            Given::Error { text, .. } => assert_eq!(text, *words, "{expression}"),
            other => panic!("{expression}: {other:?}"),
        }
    }
}
