//! One tenant, and what belongs to it.

use super::views::{OperationView, ResourceView, TenantView};
use super::{App, Listing, PageRequest};
use tenantry_core::keys::{Key, Range};
use tenantry_core::model::{Operation, Resource, Tenant};
use tenantry_core::{Error, ErrorCode, Result, TenantId};
use tenantry_events::Envelope;

impl App {
    /// The tenant's record. [`ErrorCode::TenantNotFound`].
    pub(super) async fn tenant_record(&self, id: &TenantId) -> Result<Tenant> {
        match self.ports.table.get(&Key::tenant(id)).await? {
            Some(item) => Ok(item.record()?),
            None => Err(Error::new(
                ErrorCode::TenantNotFound,
                format!("There is no tenant {id}. GET /v1/tenants lists those that there are."),
            )),
        }
    }

    /// The tenant with its status.
    pub async fn tenant(&self, id: &TenantId) -> Result<TenantView> {
        let tenant = self.tenant_record(id).await?;
        let views = self.tenant_views(vec![tenant]).await?;
        views.into_iter().next().ok_or_else(|| Error::internal("a tenant without a view"))
    }

    /// The tenant's resources, by kind and name.
    pub async fn tenant_resources(&self, id: &TenantId, page: &PageRequest) -> Result<Listing<ResourceView>> {
        self.tenant_record(id).await?;
        let query = format!("resources {id}");
        self.page(&query, Range::resources(id), false, page, |item| {
            Ok(ResourceView::from(item.record::<Resource>()?))
        })
        .await
    }

    /// The tenant's operations, newest first.
    pub async fn tenant_operations(
        &self,
        id: &TenantId,
        page: &PageRequest,
    ) -> Result<Listing<OperationView>> {
        self.tenant_record(id).await?;
        let query = format!("operations {id}");
        let found = self
            .page(&query, Range::operations(id), true, page, |item| Ok(item.record::<Operation>()?))
            .await?;
        let items = self.operation_views(found.items).await?;
        Ok(Listing { items, next_cursor: found.next_cursor })
    }

    /// The tenant's events, by sequence.
    pub async fn tenant_events(&self, id: &TenantId, page: &PageRequest) -> Result<Listing<Envelope>> {
        self.tenant_record(id).await?;
        let query = format!("events {id}");
        self.page(&query, Range::events(id), false, page, |item| Ok(item.record()?)).await
    }
}
