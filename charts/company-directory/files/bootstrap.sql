-- What a database administrator runs once per platform database, and may run again at any time: roles, ownership, and
-- what nobody may do. Everything after this is done by two logins that are no superusers (directory_migrator by
-- `directory-migrate`, directory_operator by the operator).
--
--   DIRECTORY_OPERATOR_PASSWORD=… DIRECTORY_MIGRATOR_PASSWORD=… \
--     psql --no-psqlrc --dbname=postgres --set=database=directory --file=bootstrap.sql
--
-- Passwords come from the environment, never from the command line; each may be a SCRAM verifier instead of a password,
-- and one that is not set leaves that role's password as it is. PostgreSQL 16 or newer.

\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
SET password_encryption = 'scram-sha-256';

\if :{?database}
\else
  \set database directory
\endif

SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING ''UTF8'' LOCALE ''C''', :'database')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec
\connect :"database"
SET client_min_messages = warning;
SET password_encryption = 'scram-sha-256';

-- Roles -------------------------------------------------------------------------------------------------------------

DO $roles$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['directory_owner', 'directory_api', 'directory_pooled', 'directory_provisioner'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
        EXECUTE format('ALTER ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['directory_migrator', 'directory_operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
        EXECUTE format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION', name);
    END LOOP;
END
$roles$;

\getenv operator_password DIRECTORY_OPERATOR_PASSWORD
\if :{?operator_password}
ALTER ROLE directory_operator PASSWORD :'operator_password';
\endif
\getenv migrator_password DIRECTORY_MIGRATOR_PASSWORD
\if :{?migrator_password}
ALTER ROLE directory_migrator PASSWORD :'migrator_password';
\endif

-- The migrator acts as the owner only after SET ROLE, so nothing it does by accident is the owner's.
GRANT directory_owner TO directory_migrator WITH INHERIT FALSE, SET TRUE;
-- The provisioner writes a tenant's first accounts, under row security like the API.
GRANT directory_api TO directory_provisioner WITH INHERIT TRUE, SET FALSE;
GRANT directory_provisioner TO directory_operator WITH INHERIT TRUE, SET TRUE;
-- The operator makes one login role per dedicated tenant and one per pooled fleet, but not as itself. Since PostgreSQL 16
-- only who made a role may alter and drop it, and is made an admin member of it; and PostgreSQL walks all memberships of
-- whoever acts: with 8,000 login roles of its own, the operator would need 23 ms for the next one, and every other query
-- of its would wait along (docs/adr/0006-role-makers.md). So the login roles are spread over 64 makers, which the operator
-- becomes one at a time.
DO $makers$
DECLARE
    name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'directory_makers') THEN
        CREATE ROLE directory_makers;
    END IF;
    ALTER ROLE directory_makers NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS NOREPLICATION;
    FOR number IN 0..63 LOOP
        name := format('directory_maker_%s', number);
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I', name);
        END IF;
        EXECUTE format('ALTER ROLE %I NOLOGIN CREATEROLE NOSUPERUSER NOCREATEDB NOBYPASSRLS NOREPLICATION', name);
        EXECUTE format('GRANT directory_makers TO %I WITH INHERIT TRUE, SET FALSE', name);
        EXECUTE format('GRANT %I TO directory_operator WITH INHERIT FALSE, SET TRUE', name);
    END LOOP;
END
$makers$;
-- Only to hand membership on: RLS lets directory_api in, and no maker inherits it.
GRANT directory_api TO directory_makers WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;
GRANT directory_pooled TO directory_makers WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;
-- `ALTER ROLE … SET directory.tenant_id` of a setting that no extension declares needs this (PostgreSQL 15 and later).
GRANT SET ON PARAMETER "directory.tenant_id" TO directory_makers;

-- Before there were makers, this file gave the operator itself what they have now.
REVOKE SET ON PARAMETER "directory.tenant_id" FROM directory_operator;
DO $former$
DECLARE
    former record;
BEGIN
    FOR former IN
        SELECT roleid::regrole AS granted, grantor::regrole AS grantor FROM pg_auth_members
        WHERE member = 'directory_operator'::regrole AND roleid IN ('directory_api'::regrole, 'directory_pooled'::regrole)
    LOOP
        -- CASCADE: a membership that the operator handed on by this right is handed on anew by its next sweep.
        EXECUTE format('REVOKE %s FROM directory_operator GRANTED BY %s CASCADE', former.granted, former.grantor);
    END LOOP;
END
$former$;

-- Database and schemas ----------------------------------------------------------------------------------------------

REVOKE ALL ON DATABASE :"database" FROM PUBLIC; -- CONNECT, and TEMPORARY: no role here may make temporary objects
GRANT CONNECT ON DATABASE :"database" TO directory_api, directory_pooled, directory_operator, directory_migrator;
GRANT CREATE ON DATABASE :"database" TO directory_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS migrations AUTHORIZATION directory_owner; -- the migration tool's own bookkeeping
ALTER DEFAULT PRIVILEGES FOR ROLE directory_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Logged parameters would put signed contexts and personal data into the server's log.
ALTER DATABASE :"database" SET log_parameter_max_length = 0;
ALTER DATABASE :"database" SET log_parameter_max_length_on_error = 0;

-- What tells one tenant's login about the others: role names, per-role settings (which hold tenant ids), memberships,
-- sessions, locks, and how many rows all tenants have together. Managed services keep these to themselves; there this
-- much of the others stays visible and nothing else. What no privilege governs: an oid cast to regrole names its role.
DO $catalogs$
DECLARE
    readers constant text := 'directory_operator, directory_migrator, pg_monitor';
    catalogs text;
    telling  text;
BEGIN
    SELECT string_agg(oid::regclass::text, ', ') INTO catalogs FROM pg_class
    WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') AND (
        relname IN (
            'pg_roles', 'pg_user', 'pg_group', 'pg_auth_members', 'pg_db_role_setting', 'pg_shdepend',
            'pg_shdescription', 'pg_shseclabel', 'pg_locks'
        )
        -- pg_stats and its like show only columns that the reader may read, and none under row security.
        OR relname ~ '^pg_stat(io)?_' AND relname NOT LIKE 'pg_stats_ext%'
    );
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', catalogs);
    EXECUTE format('GRANT SELECT ON %s TO %s', catalogs, readers);
    -- The functions under these views, which show the same when they are called themselves, and sizes.
    SELECT string_agg(oid::regprocedure::text, ', ') INTO telling FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f'
        AND proname ~ '^(pg_stat_get_.*|pg_lock_status|pg_(relation|total_relation|table|indexes|database|tablespace)_size)$';
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', telling);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', telling, readers);
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'system catalogs stay readable: this login may not change their privileges (a managed service)';
END
$catalogs$;

-- Large objects belong to no schema and know no row security, outlive their tenant, and keep its role from being dropped.
DO $objects$
BEGIN
    REVOKE ALL ON FUNCTION
        pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'logins can make large objects: this login may not forbid it (a managed service)';
END
$objects$;

-- Privileges on catalogs and functions are a database's own: in these two, which every server has, all of the above would
-- be open to whoever may connect. A database that something else keeps on the same server needs the same.
DO $elsewhere$
DECLARE
    other name;
    standby name;
BEGIN
    FOR other IN SELECT datname FROM pg_database WHERE datname IN ('postgres', 'template1') LOOP
        EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', other);
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO pg_monitor', other);
        -- A primary of before rejoins by pg_rewind, which asks its questions there, as the login that replicates.
        FOR standby IN SELECT rolname FROM pg_roles WHERE rolreplication AND rolcanlogin LOOP
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', other, standby);
        END LOOP;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'tenants'' logins can connect to other databases, where catalogs are readable: forbid it in pg_hba.conf';
END
$elsewhere$;
