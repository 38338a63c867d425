//! The open executions, in memory: which tenant's key seals their rows, and whether their line is unbroken.
//!
//! **Invariant:** an execution's durable rows are a prefix of what was appended. Entries stand in line one behind the
//! other without waiting; where one is not kept (the disk was full), those behind it must not be kept either. So each
//! carries the session it was appended in, and none is kept in a broken one. Reading the execution again begins a new
//! session, which what still stands in line does not belong to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tenantry_core::TenantId;
use tenantry_engine::ExecutionKey;

#[derive(Debug, Default)]
pub(super) struct Session {
    broken: AtomicBool,
    tenant: OnceLock<Option<TenantId>>,
}

impl Session {
    pub(super) fn of(tenant: Option<TenantId>) -> Self {
        Self { broken: AtomicBool::new(false), tenant: OnceLock::from(tenant) }
    }

    /// From now on nothing of this session is kept.
    pub(super) fn break_off(&self) {
        self.broken.store(true, Ordering::Release);
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// The tenant; the outer `None` where it is not known yet.
    pub(super) fn tenant(&self) -> Option<&Option<TenantId>> {
        self.tenant.get()
    }

    pub(super) fn learn_tenant(&self, tenant: Option<TenantId>) {
        // Whoever came first learned the same: an execution's tenant never changes.
        let _ = self.tenant.set(tenant);
    }
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<ExecutionKey, Arc<Session>>>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<ExecutionKey, Arc<Session>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: ExecutionKey) -> Option<Arc<Session>> {
        self.lock().get(&key).cloned()
    }

    /// Begins the session of an execution that is not open; `None` where it is.
    pub(super) fn begin(&self, key: ExecutionKey, session: Session) -> Option<Arc<Session>> {
        let session = Arc::new(session);
        match self.lock().entry(key) {
            std::collections::hash_map::Entry::Occupied(_) => None,
            std::collections::hash_map::Entry::Vacant(place) => Some(Arc::clone(place.insert(session))),
        }
    }

    /// Ends this session, unless another one took its place.
    pub(super) fn end(&self, key: ExecutionKey, session: &Arc<Session>) {
        let mut open = self.lock();
        if open.get(&key).is_some_and(|current| Arc::ptr_eq(current, session)) {
            open.remove(&key);
        }
    }

    /// Begins a new session where the current one is broken.
    pub(super) fn renew(&self, key: ExecutionKey) {
        if let Some(session) = self.lock().get_mut(&key)
            && session.is_broken()
        {
            let renewed = Session::default();
            if let Some(tenant) = session.tenant() {
                renewed.learn_tenant(tenant.clone());
            }
            *session = Arc::new(renewed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_session_leaves_the_broken_one_broken() {
        let sessions = Sessions::default();
        let first = sessions.begin(7, Session::of(None)).expect("it is not open");
        assert!(sessions.begin(7, Session::of(None)).is_none());
        sessions.renew(7);
        assert!(sessions.get(7).is_some_and(|session| Arc::ptr_eq(&session, &first)));
        first.break_off();
        sessions.renew(7);
        let second = sessions.get(7).expect("it is open");
        assert!(first.is_broken() && !second.is_broken());
        assert_eq!(second.tenant(), Some(&None));
        sessions.end(7, &first);
        assert!(sessions.get(7).is_some());
        sessions.end(7, &second);
        assert!(sessions.get(7).is_none());
    }
}
