-- One text for SQLite and PostgreSQL. Times are seconds since 1970.

-- What is known of a reader and a book. A row that says nothing (stars, shelf and flags are 0) is a removal that other
-- processes may not have seen yet; such rows are swept later.
create table history (
    reader integer not null,
    book integer not null,
    -- Half stars, 1 to 10; 0 for none.
    stars smallint not null,
    -- As in the contract: 0 none, 1 want to read, 2 reading, 3 read, 4 did not finish.
    shelf smallint not null,
    -- 1 dismissed, 2 owned, 4 interacted.
    flags smallint not null,
    changed_at bigint not null,
    -- Of the transaction that wrote it.
    revision bigint not null,
    primary key (reader, book)
);

create index history_revision on history (revision);

create index history_gone on history (revision) where stars = 0 and shelf = 0 and flags = 0;

-- Readers who were erased, so that other processes forget them too; swept later.
create table erased_readers (
    revision bigint primary key,
    first_reader integer not null,
    last_reader integer not null
);

-- Requests that were carried out, so that the same one counts once within a day.
create table reader_requests (
    reader integer not null,
    request text not null,
    at bigint not null,
    primary key (reader, request)
);

create index reader_requests_at on reader_requests (at);

-- What became of recommendations.
create table events (
    recommendation text not null,
    -- 1 impression, 2 click, 3 rating, 4 dismissal.
    kind smallint not null,
    -- 0 for the whole list.
    book integer not null,
    at bigint not null,
    -- Half stars of a rating.
    stars smallint,
    -- Who it was and which variant answered, where that is known.
    reader integer,
    variant text
);

create index events_at on events (at);

create index events_reader on events (reader) where reader is not null;

-- One row. Whoever writes histories locks it first, so that revisions become visible in their order.
create table reader_counters (
    one integer primary key check (one = 1),
    -- Raised by every transaction that changes a history.
    revision bigint not null,
    -- How many rows of histories were ever written.
    changes bigint not null,
    -- The number that the next created reader gets.
    next_reader integer not null,
    -- Removals up to this revision are gone: a process that has not seen them reads all anew.
    gone_revision bigint not null,
    -- Those up to this one go at the next sweep, and when the last one was.
    swept_revision bigint not null,
    swept_at bigint not null
);

insert into reader_counters (one, revision, changes, next_reader, gone_revision, swept_revision, swept_at)
values (1, 0, 0, 1000000000, 0, 0, 0);
