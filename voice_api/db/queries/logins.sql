-- name: named
-- Say which login is meant, for the next statement of this transaction alone.
select set_config('voice.login', $1, true), set_config('voice.role', $2, true), set_config('voice.password', $3, true);

-- name: ensure
-- Make the login if there is none, give it its password, and let it be a member of its role and nothing else.
do $$
declare
    login text := current_setting('voice.login');
    other text;
begin
    if not exists (select from pg_roles where rolname = login) then
        execute format('create role %I', login);
    end if;
    execute format(
        'alter role %I login inherit nosuperuser nocreatedb nocreaterole noreplication nobypassrls password %L',
        login, current_setting('voice.password')
    );
    for other in
        select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles l on l.oid = m.member where l.rolname = login
    loop
        execute format('revoke %I from %I', other, login);
    end loop;
    execute format('grant %I to %I', current_setting('voice.role'), login);
end $$;
