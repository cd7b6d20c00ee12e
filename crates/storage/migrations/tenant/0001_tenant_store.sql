-- Tenant store: what a tenant keeps.

-- One row: the store exists for this tenant. It is what a sweep for orphans looks at.
CREATE TABLE tenant_store (
    tenant_id  {id} NOT NULL PRIMARY KEY,
    created_at {instant} NOT NULL
){strict};
--@ tenant tenant_store(tenant_id): select
--@ platform tenant_store: select, insert, delete
