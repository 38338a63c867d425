//! Which state leads where: targets that are missing, states that are never reached, machines that never end.

use super::Parser;
use super::fields::{At, Fields, StateAt};
use crate::definition::source::NodeKind;
use std::collections::{BTreeMap, BTreeSet};

/// The states of one machine, and how they lead to one another.
pub(super) struct Graph<'a> {
    states: BTreeMap<&'a str, StateAt<'a>>,
    /// From each state: the target and whether only a Catch leads there.
    edges: BTreeMap<&'a str, Vec<Edge<'a>>>,
    ends: BTreeSet<&'a str>,
    reached: BTreeSet<&'a str>,
    reached_without_catch: BTreeSet<&'a str>,
}

struct Edge<'a> {
    to: &'a str,
    at: At<'a>,
    by_catch: bool,
}

impl<'a> Graph<'a> {
    pub(super) fn of(members: &Fields<'a>, start: Option<&str>) -> Self {
        let states: BTreeMap<&str, StateAt<'_>> =
            members.all_states().into_iter().map(|s| (s.name(), s)).collect();
        let edges = states.iter().map(|(name, state)| (*name, edges(&state.at))).collect();
        let ends = states.iter().filter(|(_, state)| ends(&state.at)).map(|(name, _)| *name).collect();
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
            let Some((name, _)) = self.states.get_key_value(name) else { continue };
            if reached.insert(*name) {
                let edges = self.edges.get(name).into_iter().flatten();
                open.extend(edges.filter(|edge| through_catch || !edge.by_catch).map(|edge| edge.to));
            }
        }
        reached
    }

    pub(super) fn check(&self, parser: &mut Parser<'_>, start: Option<&At<'_>>, members: &Fields<'_>) {
        let mut whole = true;
        if let Some(start) = start
            && let Some(name) = start.as_str()
            && !self.states.contains_key(name)
        {
            whole = false;
            parser.error(
                start,
                "MISSING_TRANSITION_TARGET",
                format!("StartAt names '{name}', which is not among States"),
            );
        }
        for edge in self.edges.values().flatten() {
            if !self.states.contains_key(edge.to) {
                whole = false;
                let message = format!("there is no state '{}' in this machine", edge.to);
                parser.error(&edge.at, "MISSING_TRANSITION_TARGET", message);
            }
        }
        if start.is_none() || !whole {
            // What is reached cannot be told before the targets are mended.
            return;
        }
        for (name, state) in &self.states {
            if !self.reached.contains(name) {
                let message = format!("the state '{name}' cannot be reached from StartAt");
                parser.error(&state.at, "UNREACHABLE_STATE", message);
            }
        }
        if !self.reached.iter().any(|name| self.ends.contains(name)) {
            let message = "no state that is reached ends the machine: one needs \"End\": true, or the type Succeed or Fail";
            parser.error(members.at(), "NO_TERMINAL_STATE", message);
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
    let member = |at: &At<'a>, name: &str| match &at.node.kind {
        NodeKind::Object(members) => {
            members.iter().find(|m| m.name == name).map(|m| at.child(name, &m.value))
        }
        _ => None,
    };
    for name in ["Next", "Default"] {
        member(state, name).into_iter().for_each(|at| add(at, false));
    }
    for (list, by_catch) in [("Choices", false), ("Catch", true)] {
        for rule in member(state, list).and_then(|list| list.items()).into_iter().flatten() {
            member(&rule, "Next").into_iter().for_each(|at| add(at, by_catch));
        }
    }
    edges
}

fn ends(state: &At<'_>) -> bool {
    let NodeKind::Object(members) = &state.node.kind else { return false };
    members.iter().any(|member| match (member.name.as_str(), &member.value.kind) {
        ("End", NodeKind::Bool(end)) => *end,
        ("Type", NodeKind::String(kind)) => kind == "Succeed" || kind == "Fail",
        _ => false,
    })
}
