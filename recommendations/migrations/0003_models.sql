-- One text for SQLite and PostgreSQL. Times are milliseconds since 1970.

create table jobs (
    id bigint primary key,
    -- As in the contract: 1 scheduled, 2 running, 3 succeeded, 4 failed, 5 cancelled.
    state integer not null,
    model text not null,
    step text not null,
    progress double precision not null,
    message text not null,
    model_version text not null,
    cause text not null,
    forced integer not null,
    created_at bigint not null,
    started_at bigint,
    ended_at bigint,
    -- The process that runs it, and a number that it raises all the while: one that stands still belongs to the dead.
    owner text not null,
    heartbeat bigint not null,
    -- How often it was begun.
    attempts integer not null,
    -- 1 when it is to stop.
    cancelled integer not null
);

-- One runs at a time, whatever else happens.
create unique index jobs_running on jobs (state) where state = 2;

create table models (
    version text primary key,
    -- In the order in which they were made.
    number bigint not null unique,
    -- As it lies beside the artefact, JSON.
    manifest text not null,
    -- Why it does not answer; empty if it was not refused.
    refused text not null
);

-- One row. Whoever schedules, activates or registers locks it first.
create table training (
    one integer primary key check (one = 1),
    next_job bigint not null,
    next_model bigint not null,
    -- Which model answers, and which one did before; empty for none.
    active text not null,
    previous text not null,
    -- The latest tick of the schedule that was seen.
    tick bigint not null,
    -- How many changes of ratings there had been when a training was last scheduled.
    changes bigint not null,
    -- 1 once readers were simulated: they are made once, and gone for ever when they go.
    simulated integer not null
);

insert into training (one, next_job, next_model, active, previous, tick, changes, simulated)
values (1, 1, 1, '', '', 0, 0, 0);
