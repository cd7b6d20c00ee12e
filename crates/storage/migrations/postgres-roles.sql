-- The roles of an Insula installation. Run once by a database administrator, before the first start:
--
--   psql -v migrate_password=… -v tenant_password=… -v platform_password=… -f postgres-roles.sql
--   createdb --owner insula_migrate insula
--
-- insula_migrate   owns the tables and changes them; its rows are under row-level security like everyone's.
-- insula_tenant    serves the requests of organizations; sees one organization at a time.
-- insula_platform  signs people in, settles usage, serves operators; its policies name table and verb.
CREATE ROLE insula_migrate  LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'migrate_password';
CREATE ROLE insula_tenant   LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'tenant_password';
CREATE ROLE insula_platform LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'platform_password';
