//! Map Runs in the copy-on-write view: what a step reads and changes of them.

use super::super::run::Run;
use crate::ExecutionState;
use crate::TaskId;
use crate::items::ChildStatus;
use crate::state::{About, Child, ChildChange, Dataset, Head, MapRunChange, MapRunId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A Map Run that was touched.
pub(crate) struct MapRunDraft {
    /// It is new.
    about: Option<Arc<About>>,
    head: Head,
    dataset: Option<Arc<Dataset>>,
    emptied: bool,
    /// Touched children.
    children: BTreeMap<u64, Child>,
}

/// The changes that drafts amount to.
pub(crate) fn changes(
    drafts: BTreeMap<MapRunId, MapRunDraft>,
    base: &ExecutionState,
) -> BTreeMap<MapRunId, MapRunChange> {
    let change = |(id, draft): (MapRunId, MapRunDraft)| {
        let before = base.map_runs.get(&id);
        let children = draft.children.into_iter().map(|(place, child)| {
            let before = before.and_then(|run| run.children.get(&place));
            (place, ChildChange::between(before, child))
        });
        let change = MapRunChange {
            about: draft.about,
            head: draft.head,
            dataset: draft.dataset,
            emptied: draft.emptied,
            children: children.collect(),
        };
        (id, change)
    };
    drafts.into_iter().map(change).collect()
}

impl Run<'_> {
    /// A new Map Run.
    pub(super) fn put_map_run(&mut self, about: About, head: Head) -> MapRunId {
        let last = self.base.map_runs.keys().chain(self.map_runs.keys()).max();
        let run = last.map_or(0, |last| last + 1);
        let draft = MapRunDraft {
            about: Some(Arc::new(about)),
            head,
            dataset: None,
            emptied: false,
            children: BTreeMap::new(),
        };
        self.map_runs.insert(run, draft);
        run
    }

    pub(super) fn map_run_ids(&self) -> Vec<MapRunId> {
        let mut ids: Vec<MapRunId> = self.base.map_runs.keys().chain(self.map_runs.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(super) fn map_run_about(&self, run: MapRunId) -> Option<Arc<About>> {
        let touched = self.map_runs.get(&run).and_then(|draft| draft.about.clone());
        touched.or_else(|| self.base.map_runs.get(&run).map(|run| Arc::clone(&run.about)))
    }

    pub(super) fn map_run_head(&self, run: MapRunId) -> Option<&Head> {
        let touched = self.map_runs.get(&run).map(|draft| &draft.head);
        touched.or_else(|| self.base.map_runs.get(&run).map(|run| &run.head))
    }

    pub(super) fn map_run_head_mut(&mut self, run: MapRunId) -> Option<&mut Head> {
        self.map_run_draft(run).map(|draft| &mut draft.head)
    }

    fn map_run_draft(&mut self, run: MapRunId) -> Option<&mut MapRunDraft> {
        if !self.map_runs.contains_key(&run) {
            let draft = MapRunDraft {
                about: None,
                head: self.base.map_runs.get(&run)?.head.clone(),
                dataset: None,
                emptied: false,
                children: BTreeMap::new(),
            };
            self.map_runs.insert(run, draft);
        }
        self.map_runs.get_mut(&run)
    }

    pub(super) fn map_dataset(&self, run: MapRunId) -> Option<Arc<Dataset>> {
        let touched = self.map_runs.get(&run).and_then(|draft| draft.dataset.clone());
        touched.or_else(|| self.base.map_runs.get(&run)?.dataset.clone())
    }

    pub(super) fn set_map_dataset(&mut self, run: MapRunId, dataset: Arc<Dataset>) {
        if let Some(draft) = self.map_run_draft(run) {
            draft.dataset = Some(dataset);
        }
    }

    pub(super) fn map_child(&self, run: MapRunId, place: u64) -> Option<&Child> {
        let touched = self.map_runs.get(&run).and_then(|draft| draft.children.get(&place));
        touched.or_else(|| self.base.map_runs.get(&run)?.children.get(&place))
    }

    pub(super) fn put_map_child(&mut self, run: MapRunId, place: u64, child: Child) {
        if let Some(draft) = self.map_run_draft(run) {
            draft.children.insert(place, child);
        }
    }

    /// The child that runs for a task.
    pub(super) fn map_child_of(&self, run: MapRunId, task: TaskId) -> Option<u64> {
        let place = self.base.map_runs.get(&run).and_then(|run| run.running.get(&task)).copied();
        let touched = || {
            let children = &self.map_runs.get(&run)?.children;
            children.iter().find(|(_, child)| child.task == task).map(|(&place, _)| place)
        };
        place.or_else(touched)
    }

    /// The places of all children that were started, ascending.
    pub(super) fn map_children(&self, run: MapRunId) -> Vec<u64> {
        let base = self.base.map_runs.get(&run).into_iter().flat_map(|run| run.children.keys());
        let touched = self.map_runs.get(&run).into_iter().flat_map(|draft| draft.children.keys());
        let mut places: Vec<u64> = base.chain(touched).copied().collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// The first child from a place on that waits for a redrive.
    pub(super) fn next_to_redrive(&self, run: MapRunId, from: u64) -> Option<u64> {
        let waits = |place: &u64| {
            self.map_child(run, *place).is_some_and(|child| child.status == ChildStatus::Pending)
        };
        let last = self.map_run_head(run)?.next_child;
        (from..last).find(waits)
    }

    /// Drops what only a redrive or results would want.
    pub(super) fn empty_map_run(&mut self, run: MapRunId) {
        if let Some(draft) = self.map_run_draft(run) {
            draft.emptied = true;
            draft.dataset = None;
            draft.children.clear();
        }
    }
}
