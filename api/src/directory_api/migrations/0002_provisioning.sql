-- What the operator needs to provision tenants and to keep row-level security as it was laid down.

ALTER TABLE registry.tenants ADD COLUMN owner_name text;
COMMENT ON COLUMN registry.tenants.owner_name IS 'namespace/name of the DirectoryTenant in owner_uid, for messages to people';

CREATE TABLE registry.first_admins (
    tenant_id         uuid NOT NULL REFERENCES registry.tenants ON DELETE CASCADE,
    email             text NOT NULL,
    issued_credential text NOT NULL,
    PRIMARY KEY (tenant_id, email)
);
COMMENT ON TABLE registry.first_admins IS
    'administrators the operator has made an account for, once: the account is the tenant''s own from then on, and one that the tenant deletes is not made again';

CREATE TABLE registry.row_security (
    singleton  boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    expression text NOT NULL
);
COMMENT ON TABLE registry.row_security IS 'how this server prints the one policy expression that every table has';

CREATE FUNCTION registry.row_security_problems() RETURNS TABLE (table_name text, problem text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $function$
    WITH tables AS (
        SELECT c.oid, c.relname, c.relname || '_tenant' AS policy, c.relrowsecurity, c.relforcerowsecurity
        FROM pg_class c WHERE c.relnamespace = 'directory'::regnamespace AND c.relkind IN ('r', 'p')
    ), policies AS (
        SELECT p.polrelid, p.polname,
            p.polpermissive AND p.polcmd = '*' AND p.polroles = ARRAY['directory_api'::regrole::oid]
            AND pg_get_expr(p.polqual, p.polrelid) IS NOT DISTINCT FROM (SELECT expression FROM registry.row_security)
            AND pg_get_expr(p.polwithcheck, p.polrelid) IS NOT DISTINCT FROM (SELECT expression FROM registry.row_security)
                AS as_laid_down
        FROM pg_policy p
    )
    SELECT t.relname::text, 'row security is off' FROM tables t WHERE NOT t.relrowsecurity
    UNION ALL
    SELECT t.relname::text, 'row security is not forced on the owner' FROM tables t WHERE NOT t.relforcerowsecurity
    UNION ALL
    SELECT t.relname::text, format('policy %s is missing', t.policy) FROM tables t
    WHERE NOT EXISTS (SELECT FROM policies p WHERE p.polrelid = t.oid AND p.polname = t.policy)
    UNION ALL
    SELECT t.relname::text, format('policy %s was altered', t.policy) FROM tables t JOIN policies p ON p.polrelid = t.oid
    WHERE p.polname = t.policy AND NOT p.as_laid_down
    UNION ALL
    SELECT t.relname::text, format('policy %s is not ours', p.polname) FROM tables t JOIN policies p ON p.polrelid = t.oid
    WHERE p.polname <> t.policy
    UNION ALL
    SELECT c.relname::text, 'the view does not check the row security of who asks'
    FROM pg_class c
    WHERE c.relnamespace = 'directory'::regnamespace AND c.relkind = 'v'
        AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
    ORDER BY 1, 2
$function$;
COMMENT ON FUNCTION registry.row_security_problems IS 'how row-level security differs from what the migrations lay down; no rows when it is whole';

CREATE FUNCTION registry.repair_row_security() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $function$
-- Lays every table's row-level security down again where it differs. One transaction: no moment without a policy.
DECLARE
    condition constant text := '(tenant_id = (SELECT current_setting(''directory.tenant_id'', true)::uuid)'
        ' AND tenant_id = (SELECT directory.verified_tenant()))';
    broken    record;
    stray     record;
BEGIN
    FOR broken IN
        SELECT DISTINCT c.oid, c.relname, c.relkind FROM registry.row_security_problems() p
        JOIN pg_class c ON c.relname = p.table_name AND c.relnamespace = 'directory'::regnamespace
    LOOP
        IF broken.relkind = 'v' THEN
            EXECUTE format('ALTER VIEW directory.%I SET (security_invoker = true)', broken.relname);
            CONTINUE;
        END IF;
        EXECUTE format('ALTER TABLE directory.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', broken.relname);
        FOR stray IN SELECT polname FROM pg_policy WHERE polrelid = broken.oid LOOP
            EXECUTE format('DROP POLICY %I ON directory.%I', stray.polname, broken.relname);
        END LOOP;
        EXECUTE format(
            'CREATE POLICY %I ON directory.%I TO directory_api USING %s WITH CHECK %s',
            broken.relname || '_tenant', broken.relname, condition, condition
        );
        INSERT INTO registry.row_security (expression)
        SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = broken.oid
        ON CONFLICT (singleton) DO UPDATE SET expression = excluded.expression;
    END LOOP;
END
$function$;
COMMENT ON FUNCTION registry.repair_row_security IS 'makes row_security_problems() empty; the operator calls it when the sweep finds any';

-- Nothing is recorded yet, so every policy counts as altered and is laid down anew: from here on both agree.
SELECT registry.repair_row_security();

GRANT SELECT, INSERT, UPDATE, DELETE ON registry.first_admins TO directory_provisioner;
REVOKE ALL ON FUNCTION registry.row_security_problems(), registry.repair_row_security() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registry.row_security_problems(), registry.repair_row_security() TO directory_provisioner;
