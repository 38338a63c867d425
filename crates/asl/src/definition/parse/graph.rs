//! Which state leads where: targets that are missing, states that are never reached, machines that never end.

use super::Parser;
use super::fields::{At, StateAt, states_of};
use crate::definition::source::NodeKind;
use std::collections::{BTreeMap, BTreeSet};

/// The states of one machine, and how they lead to one another.
pub(super) struct Graph<'a> {
    /// In the order of the text.
    states: Vec<StateAt<'a>>,
    /// From each state: the targets, and whether only a Catch leads there.
    edges: BTreeMap<&'a str, Vec<Edge<'a>>>,
    ends: bool,
    reached: BTreeSet<&'a str>,
    reached_without_catch: BTreeSet<&'a str>,
}

struct Edge<'a> {
    to: &'a str,
    at: At<'a>,
    by_catch: bool,
}

impl<'a> Graph<'a> {
    pub(super) fn of(states: &At<'a>, start: Option<&str>) -> Self {
        let states = states_of(states);
        let edges = states.iter().map(|state| (state.name, edges(&state.at))).collect();
        let ends = states.iter().any(|state| ends(&state.at));
        let (reached, reached_without_catch) = (BTreeSet::new(), BTreeSet::new());
        let mut graph = Graph { states, edges, ends, reached, reached_without_catch };
        graph.reached = graph.walk(start, true);
        graph.reached_without_catch = graph.walk(start, false);
        graph
    }

    /// Whether a state is reachable, but only through a Catch.
    pub(super) fn compensating(&self, state: &str) -> bool {
        self.reached.contains(state) && !self.reached_without_catch.contains(state)
    }

    fn walk(&self, start: Option<&str>, through_catch: bool) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = start.into_iter().collect();
        while let Some(name) = open.pop() {
            let Some((name, edges)) = self.edges.get_key_value(name) else { continue };
            if reached.insert(*name) {
                open.extend(edges.iter().filter(|edge| through_catch || !edge.by_catch).map(|edge| edge.to));
            }
        }
        reached
    }

    /// Targets that are not there; then that the top level never ends, or, where it does, what is never reached.
    pub(super) fn check(&self, parser: &mut Parser<'_>, start: Option<&At<'_>>, top: bool) {
        let known = |name: &str| self.edges.contains_key(name);
        let missing = |parser: &mut Parser<'_>, at: &At<'_>, name: &str| {
            let finding =
                parser.graph_error(at, "MISSING_TRANSITION_TARGET", format!("Missing 'Next' target: {name}"));
            finding.hint("a target is a state of the same machine, in the same 'States'");
        };
        if let Some(start) = start
            && let Some(name) = start.as_str().filter(|name| !known(name))
        {
            missing(parser, start, name);
        }
        for state in &self.states {
            for edge in self.edges.get(state.name).into_iter().flatten() {
                if !known(edge.to) {
                    missing(parser, &edge.at, edge.to);
                }
            }
        }
        if top && !self.ends {
            let Some(first) = self.states.first() else { return };
            let finding =
                parser.graph_error(&first.at, "MISSING_END_STATE", "Workflow has no terminal state");
            finding.hint("one state needs \"End\": true, or the type Succeed or Fail");
            finding.location = String::new();
            finding.state = None;
            return;
        }
        for state in &self.states {
            if !self.reached.contains(state.name) {
                let message = format!("State \"{}\" is not reachable.", state.name);
                parser.graph_error(&state.at, "MISSING_TRANSITION_TARGET", message);
            }
        }
    }
}

fn edges<'a>(state: &At<'a>) -> Vec<Edge<'a>> {
    let mut edges = Vec::new();
    let mut add = |at: At<'a>, by_catch| {
        if let Some(to) = at.as_str() {
            edges.push(Edge { to, at, by_catch });
        }
    };
    for name in ["Next", "Default"] {
        state.member(name).into_iter().for_each(|at| add(at, false));
    }
    for (list, by_catch) in [("Choices", false), ("Catch", true)] {
        for rule in state.member(list).and_then(|list| list.items()).into_iter().flatten() {
            rule.member("Next").into_iter().for_each(|at| add(at, by_catch));
        }
    }
    edges
}

fn ends(state: &At<'_>) -> bool {
    let is = |name: &str| state.node.member(name).map(|member| &member.value.kind);
    matches!(is("End"), Some(NodeKind::Bool(true)))
        || matches!(is("Type"), Some(NodeKind::String(kind)) if kind == "Succeed" || kind == "Fail")
}
