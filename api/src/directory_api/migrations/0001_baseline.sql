-- The registry of tenants, the unforgeable tenant context, and the directory itself under row-level security.
--
-- registry   which tenants exist; the operator writes it, and no role of the API has any privilege on it.
-- directory  the tenants' rows. Every key starts with tenant_id, every table has one policy, enabled and forced.

CREATE SCHEMA registry;
CREATE SCHEMA directory;

CREATE TABLE registry.tenants (
    tenant_id     uuid PRIMARY KEY,
    slug          text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
    display_name  text NOT NULL,
    owner_uid     uuid,
    owner_cluster text,
    tier          text NOT NULL CHECK (tier IN ('Pooled', 'Dedicated')),
    state         text NOT NULL DEFAULT 'Active' CHECK (state IN ('Active', 'Released')),
    login_role    text UNIQUE,
    settings      jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN registry.tenants.owner_uid IS 'metadata.uid of the DirectoryTenant that owns this tenant; NULL once released';
COMMENT ON COLUMN registry.tenants.login_role IS 'the one login whose sessions are always this tenant (session_user cannot be changed by SQL)';
COMMENT ON COLUMN registry.tenants.settings IS 'what the API needs to know: rateLimitPerMinute, accessTokenSeconds, refreshTokenSeconds, corsAllowedOrigins, bucket, hosts';

CREATE TABLE registry.tenant_hosts (
    host      text PRIMARY KEY CHECK (host = lower(host)),
    tenant_id uuid NOT NULL REFERENCES registry.tenants ON DELETE CASCADE
);
CREATE INDEX tenant_hosts_tenant ON registry.tenant_hosts (tenant_id);

CREATE TABLE registry.context_keys (
    key_id     text PRIMARY KEY CHECK (key_id ~ '^[A-Za-z0-9_-]{1,64}$'),
    ipad       bytea NOT NULL CHECK (octet_length(ipad) = 64),
    opad       bytea NOT NULL CHECK (octet_length(opad) = 64),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE registry.context_keys IS 'HMAC keys of signed contexts, padded as in RFC 2104: core PostgreSQL has sha256() and no HMAC';

-- The tenant context --------------------------------------------------------------------------------------------------

CREATE FUNCTION directory.verified_tenant() RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
-- The tenant whose rows this session may touch, or NULL. A tenant's own login is that tenant and nothing else; any
-- other session must carry a context signed with a key that it can't read.
DECLARE
    registered record;
    parts      text[];
    expected   bytea;
BEGIN
    SELECT t.tenant_id, t.state INTO registered FROM registry.tenants t WHERE t.login_role = session_user;
    IF FOUND THEN
        RETURN CASE WHEN registered.state = 'Active' THEN registered.tenant_id END;
    END IF;
    parts := string_to_array(current_setting('directory.context', true), '.');
    IF cardinality(parts) IS DISTINCT FROM 3 THEN
        RETURN NULL;
    END IF;
    SELECT sha256(k.opad || sha256(k.ipad || convert_to(parts[1] || '.' || parts[2], 'UTF8'))) INTO expected
    FROM registry.context_keys k WHERE k.key_id = parts[1];
    -- Hashed once more before comparing: how long the comparison takes then tells nothing about the signature.
    IF sha256(convert_to(encode(expected, 'hex'), 'UTF8')) = sha256(convert_to(parts[3], 'UTF8')) THEN
        RETURN parts[2]::uuid;
    END IF;
    RETURN NULL;
END
$function$;

CREATE FUNCTION directory.tenant_by_host(requested_host text)
    RETURNS TABLE (tenant_id uuid, slug text, display_name text, tier text, state text, settings jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT t.tenant_id, t.slug, t.display_name, t.tier, t.state, t.settings
    FROM registry.tenant_hosts h JOIN registry.tenants t USING (tenant_id)
    WHERE h.host = requested_host AND t.state = 'Active' AND t.tier = 'Pooled'
$function$;
COMMENT ON FUNCTION directory.tenant_by_host IS 'the pooled tenant that a host belongs to; only the pooled fleet may ask';

CREATE FUNCTION directory.tenant_of_session()
    RETURNS TABLE (tenant_id uuid, slug text, display_name text, tier text, state text, settings jsonb)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT t.tenant_id, t.slug, t.display_name, t.tier, t.state, t.settings
    FROM registry.tenants t WHERE t.login_role = session_user AND t.state = 'Active'
$function$;
COMMENT ON FUNCTION directory.tenant_of_session IS 'the tenant that this login belongs to';

CREATE FUNCTION directory.schema_version() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT max(migration_id) FROM migrations._yoyo_migration
$function$;
COMMENT ON FUNCTION directory.schema_version IS 'name of the newest applied migration';

-- Tables --------------------------------------------------------------------------------------------------------------
-- "C" collation: folded text is compared by code point, which is leakproof, the same everywhere, and what cursors assume.

CREATE TABLE directory.departments (
    tenant_id     uuid NOT NULL REFERENCES registry.tenants ON DELETE CASCADE,
    department_id uuid NOT NULL DEFAULT gen_random_uuid(),
    parent_id     uuid,
    manager_id    uuid,
    name          text NOT NULL,
    name_folded   text COLLATE "C" NOT NULL,
    description   text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    version       integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, department_id),
    CONSTRAINT departments_name UNIQUE NULLS NOT DISTINCT (tenant_id, parent_id, name_folded),
    CONSTRAINT departments_parent FOREIGN KEY (tenant_id, parent_id) REFERENCES directory.departments,
    CONSTRAINT departments_not_own_parent CHECK (parent_id <> department_id)
);
CREATE INDEX departments_by_name ON directory.departments (tenant_id, name_folded, department_id);
CREATE INDEX departments_by_manager ON directory.departments (tenant_id, manager_id) WHERE manager_id IS NOT NULL;

CREATE TABLE directory.people (
    tenant_id     uuid NOT NULL REFERENCES registry.tenants ON DELETE CASCADE,
    person_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    given_name    text NOT NULL,
    family_name   text NOT NULL,
    display_name  text NOT NULL,
    sort_name     text COLLATE "C" NOT NULL,
    email         text,
    email_folded  text COLLATE "C",
    title         text NOT NULL DEFAULT '',
    phone         text NOT NULL DEFAULT '',
    location      text NOT NULL DEFAULT '',
    status        text COLLATE "C" NOT NULL DEFAULT 'Active' CHECK (status IN ('Active', 'OnLeave', 'Left')),
    start_date    date,
    department_id uuid,
    manager_id    uuid,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    version       integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, person_id),
    CONSTRAINT people_email UNIQUE (tenant_id, email_folded),
    CONSTRAINT people_email_folded CHECK ((email IS NULL) = (email_folded IS NULL)),
    CONSTRAINT people_department FOREIGN KEY (tenant_id, department_id) REFERENCES directory.departments,
    CONSTRAINT people_manager FOREIGN KEY (tenant_id, manager_id) REFERENCES directory.people ON DELETE SET NULL (manager_id),
    CONSTRAINT people_not_own_manager CHECK (manager_id <> person_id)
);
COMMENT ON COLUMN directory.people.sort_name IS 'folded "family given": unaccented, lower case';
CREATE INDEX people_by_name ON directory.people (tenant_id, sort_name, person_id);
CREATE INDEX people_by_department ON directory.people (tenant_id, department_id, sort_name, person_id);
CREATE INDEX people_by_manager ON directory.people (tenant_id, manager_id, sort_name, person_id);
CREATE INDEX people_by_status ON directory.people (tenant_id, status, sort_name, person_id);

ALTER TABLE directory.departments ADD CONSTRAINT departments_manager
    FOREIGN KEY (tenant_id, manager_id) REFERENCES directory.people ON DELETE SET NULL (manager_id);

CREATE TABLE directory.person_words (
    tenant_id uuid NOT NULL REFERENCES registry.tenants ON DELETE CASCADE,
    word      text COLLATE "C" NOT NULL,
    person_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, word, person_id),
    CONSTRAINT person_words_person FOREIGN KEY (tenant_id, person_id) REFERENCES directory.people ON DELETE CASCADE
);
COMMENT ON TABLE directory.person_words IS
    'folded words of the names: a prefix is a range of them, and ranges are leakproof, so the index serves them under row security (LIKE is not)';
CREATE INDEX person_words_by_person ON directory.person_words (tenant_id, person_id);

CREATE TABLE directory.accounts (
    tenant_id         uuid NOT NULL REFERENCES registry.tenants ON DELETE CASCADE,
    account_id        uuid NOT NULL DEFAULT gen_random_uuid(),
    email             text COLLATE "C" NOT NULL CHECK (email = lower(email)),
    role              text COLLATE "C" NOT NULL CHECK (role IN ('User', 'Manager', 'Admin', 'SuperAdmin')),
    password_hash     text NOT NULL,
    issued_credential text,
    person_id         uuid,
    disabled_at       timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    version           integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, account_id),
    CONSTRAINT accounts_email UNIQUE (tenant_id, email),
    CONSTRAINT accounts_one_per_person UNIQUE (tenant_id, person_id),
    CONSTRAINT accounts_person FOREIGN KEY (tenant_id, person_id) REFERENCES directory.people ON DELETE SET NULL (person_id)
);
COMMENT ON COLUMN directory.accounts.password_hash IS 'Argon2id in PHC string format';
COMMENT ON COLUMN directory.accounts.issued_credential IS 'which generation of the tenant''s Secret issued this password; NULL once its owner changed it';

CREATE TABLE directory.sessions (
    tenant_id     uuid NOT NULL REFERENCES registry.tenants ON DELETE CASCADE,
    session_id    uuid NOT NULL DEFAULT gen_random_uuid(),
    account_id    uuid NOT NULL,
    secret_hash   bytea NOT NULL,
    previous_hash bytea,
    rotation_salt bytea,
    rotated_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    revoked_at    timestamptz,
    PRIMARY KEY (tenant_id, session_id),
    CONSTRAINT sessions_account FOREIGN KEY (tenant_id, account_id) REFERENCES directory.accounts ON DELETE CASCADE
);
COMMENT ON TABLE directory.sessions IS 'one row per refresh token family; tokens themselves are not stored, only SHA-256 of the current and the one before';
COMMENT ON COLUMN directory.sessions.rotation_salt IS 'the current token is HMAC(previous token, salt): only who still holds the previous one can be given it again';
CREATE INDEX sessions_by_account ON directory.sessions (tenant_id, account_id);
CREATE INDEX sessions_by_expiry ON directory.sessions (tenant_id, expires_at);

CREATE TABLE directory.photos (
    tenant_id    uuid NOT NULL REFERENCES registry.tenants ON DELETE CASCADE,
    photo_id     uuid NOT NULL DEFAULT gen_random_uuid(),
    person_id    uuid,
    object_key   text NOT NULL,
    state        text COLLATE "C" NOT NULL DEFAULT 'Uploading' CHECK (state IN ('Uploading', 'Current', 'Replaced')),
    content_type text NOT NULL,
    digest       text NOT NULL,
    width        integer NOT NULL,
    height       integer NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, photo_id),
    CONSTRAINT photos_person FOREIGN KEY (tenant_id, person_id) REFERENCES directory.people ON DELETE SET NULL (person_id)
);
COMMENT ON TABLE directory.photos IS
    'one row per uploaded photo, written before its objects and deleted after them: whatever a crash leaves behind is a row that is not Current, or whose person is gone, and its objects can be found and removed';
CREATE UNIQUE INDEX photos_current ON directory.photos (tenant_id, person_id) WHERE state = 'Current';
CREATE INDEX photos_leftover ON directory.photos (tenant_id, created_at) WHERE state <> 'Current' OR person_id IS NULL;

-- Row-level security --------------------------------------------------------------------------------------------------
-- The same two conditions everywhere. The first is the one a prover can read; the second is the one nobody can forge.
-- Each sub-select runs once per statement, so both end up as conditions of the index.

ALTER TABLE directory.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE directory.accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY accounts_tenant ON directory.accounts TO directory_api
    USING (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()))
    WITH CHECK (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()));

ALTER TABLE directory.departments ENABLE ROW LEVEL SECURITY;
ALTER TABLE directory.departments FORCE ROW LEVEL SECURITY;
CREATE POLICY departments_tenant ON directory.departments TO directory_api
    USING (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()))
    WITH CHECK (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()));

ALTER TABLE directory.people ENABLE ROW LEVEL SECURITY;
ALTER TABLE directory.people FORCE ROW LEVEL SECURITY;
CREATE POLICY people_tenant ON directory.people TO directory_api
    USING (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()))
    WITH CHECK (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()));

ALTER TABLE directory.person_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE directory.person_words FORCE ROW LEVEL SECURITY;
CREATE POLICY person_words_tenant ON directory.person_words TO directory_api
    USING (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()))
    WITH CHECK (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()));

ALTER TABLE directory.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE directory.sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY sessions_tenant ON directory.sessions TO directory_api
    USING (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()))
    WITH CHECK (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()));

ALTER TABLE directory.photos ENABLE ROW LEVEL SECURITY;
ALTER TABLE directory.photos FORCE ROW LEVEL SECURITY;
CREATE POLICY photos_tenant ON directory.photos TO directory_api
    USING (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()))
    WITH CHECK (tenant_id = (SELECT current_setting('directory.tenant_id', true)::uuid) AND tenant_id = (SELECT directory.verified_tenant()));

-- Privileges ----------------------------------------------------------------------------------------------------------

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA directory FROM PUBLIC;
GRANT USAGE ON SCHEMA directory TO directory_api, directory_pooled;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    directory.accounts, directory.departments, directory.people, directory.person_words, directory.photos, directory.sessions
    TO directory_api;
GRANT EXECUTE ON FUNCTION directory.verified_tenant(), directory.tenant_of_session(), directory.schema_version() TO directory_api;
GRANT EXECUTE ON FUNCTION directory.tenant_by_host(text) TO directory_pooled;

GRANT USAGE ON SCHEMA registry TO directory_provisioner;
GRANT SELECT, INSERT, UPDATE, DELETE ON registry.tenants, registry.tenant_hosts TO directory_provisioner;
-- The operator generates the keys and may list and retire them; not even it can read one back.
GRANT SELECT (key_id, created_at), INSERT, DELETE ON registry.context_keys TO directory_provisioner;
