-- One text for SQLite and PostgreSQL.

-- 1 for a model that something else than a training of this store has made, until somebody lets it answer.
alter table models add column candidate integer not null default 0;

-- What said so until now.
update models set candidate = 1, refused = ''
where refused = 'nobody has activated it yet, and it was not measured here';
