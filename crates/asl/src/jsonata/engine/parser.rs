//! From tokens to a tree: top-down operator precedence (Pratt), as the language defines it.
//! <https://docs.jsonata.org/overview>

use super::ast::{Call, Condition, Kind, Lambda, Name, Node, Operator, Term, Transform};
use super::error::{Outcome, Thrown};
use super::lexer::{Lexer, Token};
use super::signature::Signature;
use super::value::Value;
use std::sync::Arc;

/// Deepest tree: it bounds the recursion of everything that walks it.
const TREE_DEPTH_MAX: usize = 700;
/// Most nodes of one expression.
const NODES_MAX: usize = 200_000;

/// The tree as written; [`super::resolve`] makes paths of it.
pub(super) fn parse(source: &str) -> Outcome<Node> {
    let mut lexer = Lexer::new(source);
    let token = lexer.next(false)?;
    let mut parser = Parser { lexer, token, depth: 0, nodes: 0 };
    let node = parser.expression(0)?;
    match &parser.token {
        Token::End => Ok(node),
        token => Err(Thrown::new("S0201").token(token.shown())),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The one ahead.
    token: Token,
    depth: usize,
    nodes: usize,
}

fn binding_power(token: &Token) -> u8 {
    let Token::Operator(symbol) = token else { return 0 };
    match *symbol {
        "(" | "[" | "@" | "#" => 80,
        "." => 75,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "<" | ">" | "^" | "!=" | "<=" | ">=" | "~>" | "in" => 40,
        "and" => 30,
        "or" => 25,
        "?" => 20,
        ":=" => 10,
        _ => 0,
    }
}

impl Parser<'_> {
    fn advance(&mut self, infix: bool) -> Outcome<Token> {
        let next = self.lexer.next(infix)?;
        if let Token::Operator(symbol @ ("!" | "~")) = next {
            return Err(Thrown::new("S0204").token(symbol));
        }
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn expect(&mut self, symbol: &str, infix: bool) -> Outcome<()> {
        if self.token.is(symbol) {
            return self.advance(infix).map(drop);
        }
        Err(match &self.token {
            Token::End => Thrown::new("S0203").text(symbol),
            token => Thrown::new("S0202").text(symbol).token(token.shown()),
        })
    }

    fn expression(&mut self, power: u8) -> Outcome<Node> {
        let depth = self.depth;
        let node = self.expression_below(power);
        self.depth = depth;
        node
    }

    fn deeper(&mut self) -> Outcome<()> {
        self.depth += 1;
        self.nodes += 1;
        if self.depth > TREE_DEPTH_MAX {
            return Err(Thrown::custom(format!(
                "The expression is nested more than {TREE_DEPTH_MAX} levels deep"
            )));
        }
        if self.nodes > NODES_MAX {
            return Err(Thrown::custom(format!("The expression has more than {NODES_MAX} parts")));
        }
        Ok(())
    }

    fn expression_below(&mut self, power: u8) -> Outcome<Node> {
        self.deeper()?;
        let token = self.advance(true)?;
        let mut left = self.prefix(token)?;
        while power < binding_power(&self.token) {
            self.deeper()?;
            let token = self.advance(false)?;
            left = self.infix(&token, left)?;
        }
        Ok(left)
    }

    fn prefix(&mut self, token: Token) -> Outcome<Node> {
        Ok(Node::new(match token {
            Token::Name(name) => Kind::Name(name),
            Token::Variable(name) => Kind::Variable(name),
            Token::String(text) => Kind::String(text),
            Token::Number(number) => Kind::Number(number),
            Token::Bool(bool) => Kind::Bool(bool),
            Token::Null => Kind::Null,
            Token::Regex(pattern) => Kind::Regex(pattern),
            Token::End => Kind::End,
            Token::Operator(symbol) => match symbol {
                // Names, where they are no operators.
                "and" | "or" | "in" => Kind::Name(symbol.into()),
                "-" => Kind::Negate(Box::new(self.expression(70)?)),
                "*" => Kind::Wildcard,
                "**" => Kind::Descendants,
                "%" => Kind::Parent(super::ast::Ancestor { slot: 0, label: Arc::default() }),
                "(" => Kind::Block { nodes: self.block()?, binds: false },
                "[" => Kind::Array(self.array()?),
                "{" => Kind::Object(self.pairs()?),
                "|" => self.transform()?,
                other => return Err(Thrown::new("S0211").token(other)),
            },
        }))
    }

    fn infix(&mut self, token: &Token, left: Node) -> Outcome<Node> {
        let Token::Operator(symbol) = token else {
            return Err(Thrown::new("S0201").token(token.shown()));
        };
        let kind = match *symbol {
            "." => Kind::Step(Box::new((left, self.expression(75)?))),
            "(" => return self.call(left),
            "[" => return self.predicate(left),
            "{" => Kind::Group(Box::new((left, self.pairs()?))),
            "^" => Kind::OrderBy(Box::new((left, self.terms()?))),
            "@" | "#" => {
                let Kind::Variable(name) = self.expression(80)?.kind else {
                    return Err(Thrown::new("S0214").token(*symbol));
                };
                let bound = Box::new((left, name));
                if *symbol == "@" { Kind::Focus(bound) } else { Kind::Index(bound) }
            }
            "?" => {
                let then = self.expression(0)?;
                let otherwise = if self.token.is(":") {
                    self.advance(false)?;
                    Some(self.expression(0)?)
                } else {
                    None
                };
                Kind::Condition(Box::new(Condition { condition: left, then, otherwise }))
            }
            ":=" => {
                let Kind::Variable(name) = left.kind else { return Err(Thrown::new("S0212")) };
                Kind::Bind(name, Box::new(self.expression(9)?))
            }
            "~>" => Kind::Apply(Box::new((left, self.expression(40)?))),
            symbol => {
                let operator = Operator::of(symbol).ok_or_else(|| Thrown::new("S0201").token(symbol))?;
                let right = self.expression(binding_power(token))?;
                Kind::Binary(operator, Box::new((left, right)))
            }
        };
        Ok(Node::new(kind))
    }

    fn block(&mut self) -> Outcome<Vec<Node>> {
        let mut nodes = Vec::new();
        while !self.token.is(")") {
            nodes.push(self.expression(0)?);
            if !self.token.is(";") {
                break;
            }
            self.advance(false)?;
        }
        self.expect(")", true)?;
        Ok(nodes)
    }

    fn array(&mut self) -> Outcome<Vec<Node>> {
        let mut items = Vec::new();
        if !self.token.is("]") {
            loop {
                let mut item = self.expression(0)?;
                if self.token.is("..") {
                    self.advance(false)?;
                    let last = self.expression(0)?;
                    item = Node::new(Kind::Binary(Operator::Range, Box::new((item, last))));
                }
                items.push(item);
                if !self.token.is(",") {
                    break;
                }
                self.advance(false)?;
            }
        }
        self.expect("]", true)?;
        Ok(items)
    }

    fn pairs(&mut self) -> Outcome<Vec<(Node, Node)>> {
        let mut pairs = Vec::new();
        if !self.token.is("}") {
            loop {
                let key = self.expression(0)?;
                self.expect(":", false)?;
                pairs.push((key, self.expression(0)?));
                if !self.token.is(",") {
                    break;
                }
                self.advance(false)?;
            }
        }
        self.expect("}", true)?;
        Ok(pairs)
    }

    fn terms(&mut self) -> Outcome<Vec<Term>> {
        self.expect("(", false)?;
        let mut terms = Vec::new();
        loop {
            let descending = self.token.is(">");
            if descending || self.token.is("<") {
                self.advance(false)?;
            }
            terms.push(Term { expression: self.expression(0)?, descending });
            if !self.token.is(",") {
                break;
            }
            self.advance(false)?;
        }
        self.expect(")", false)?;
        Ok(terms)
    }

    fn transform(&mut self) -> Outcome<Kind> {
        let pattern = self.expression(0)?;
        self.expect("|", false)?;
        let update = self.expression(0)?;
        let delete = if self.token.is(",") {
            self.advance(false)?;
            Some(self.expression(0)?)
        } else {
            None
        };
        self.expect("|", false)?;
        Ok(Kind::Transform(Arc::new(Transform { pattern, update, delete })))
    }

    fn predicate(&mut self, mut left: Node) -> Outcome<Node> {
        if !self.token.is("]") {
            let predicate = self.expression(0)?;
            self.expect("]", true)?;
            return Ok(Node::new(Kind::Filter(Box::new((left, predicate)))));
        }
        // `[]` belongs to what the predicates before it stand on.
        let mut step = &mut left;
        while let Kind::Filter(filter) = &mut step.kind {
            step = &mut filter.0;
        }
        step.keep_array = true;
        self.advance(false)?;
        Ok(left)
    }

    fn call(&mut self, procedure: Node) -> Outcome<Node> {
        let (mut arguments, mut partial) = (Vec::new(), false);
        if !self.token.is(")") {
            loop {
                if self.token.is("?") {
                    partial = true;
                    self.advance(false)?;
                    arguments.push(Node::new(Kind::Placeholder));
                } else {
                    arguments.push(self.expression(0)?);
                }
                if !self.token.is(",") {
                    break;
                }
                self.advance(false)?;
            }
        }
        self.expect(")", true)?;
        if matches!(&procedure.kind, Kind::Name(name) if &**name == "function" || &**name == "λ") {
            return self.lambda(&arguments);
        }
        let call = Box::new(Call { procedure, arguments });
        Ok(Node::new(if partial { Kind::Partial(call) } else { Kind::Call(call) }))
    }

    fn lambda(&mut self, arguments: &[Node]) -> Outcome<Node> {
        let parameter = |(index, node): (usize, &Node)| match &node.kind {
            Kind::Variable(name) => Ok(Name::clone(name)),
            other => {
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                let place = (index + 1) as f64;
                Err(Thrown::new("S0208").value(&Value::Number(place)).token(format!("{other:?}")))
            }
        };
        let parameters = arguments.iter().enumerate().map(parameter).collect::<Outcome<_>>()?;
        let signature = if self.token.is("<") { Some(self.signature()?) } else { None };
        self.expect("{", false)?;
        let body = self.expression(0)?;
        self.expect("}", true)?;
        Ok(Node::new(Kind::Lambda(Arc::new(Lambda { parameters, signature, body, thunk: false }))))
    }

    fn signature(&mut self) -> Outcome<Signature> {
        let mut text = "<".to_owned();
        let mut depth = 1_u32;
        while depth > 0 && !self.token.is("{") && !matches!(self.token, Token::End) {
            self.advance(false)?;
            match &self.token {
                Token::Operator(">") => depth -= 1,
                Token::Operator("<") => depth += 1,
                _ => {}
            }
            text.push_str(&self.token.shown());
        }
        self.expect(">", false)?;
        Signature::parse(&text)
    }
}
