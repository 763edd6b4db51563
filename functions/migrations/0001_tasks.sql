-- One text for SQLite and PostgreSQL. Times are milliseconds since 1970. `bytea` is PostgreSQL's name; SQLite keeps bytes as
-- they are under any name.

create table tasks (
    -- 32 hexadecimal digits that nobody guesses: who knows them may see the task and cancel it.
    id text primary key,
    function text not null,
    -- 1 scheduled, 2 running, 3 succeeded, 4 failed, 5 cancelled.
    state integer not null,
    -- Empty for a call; the cron expression of one that the clock made.
    cause text not null,
    -- 0 to 1, and what is being done, as the function says.
    progress double precision not null,
    step text not null,
    -- How often it was begun, and how often the process that ran it died.
    attempts integer not null,
    interruptions integer not null,
    created_at bigint not null,
    -- Not begun before.
    due_at bigint not null,
    started_at bigint,
    ended_at bigint,
    -- Forgotten then.
    expires_at bigint,
    -- The process that runs it, and a number that it raises all the while: one that stands still belongs to the dead.
    owner text not null,
    heartbeat bigint not null,
    -- 1 when it is to stop.
    cancelled integer not null,
    -- Where its end is told; empty for nowhere.
    webhook text not null,
    -- Of its input until it has ended, then of what it came to.
    bytes bigint not null
);

create index tasks_due on tasks (state, due_at);
create index tasks_expired on tasks (expires_at);

-- What a function is called with, until the task has ended. Apart from the row that every heartbeat writes.
create table task_inputs (
    id text primary key,
    method text not null,
    target text not null,
    -- A JSON array of pairs.
    headers text not null,
    body bytea not null
);

-- What came of it: the function's answer, or a problem in place of the body.
create table task_results (
    id text primary key,
    status integer not null,
    headers text not null,
    body bytea not null
);

-- Ends of tasks that are yet to be told. One row goes away when it was told, or given up.
create table task_deliveries (
    id text primary key,
    task text not null,
    url text not null,
    body text not null,
    attempts integer not null,
    -- Whoever tells it next moves this on first, and has until then.
    due_at bigint not null
);

create index task_deliveries_due on task_deliveries (due_at);

-- The latest time for which each schedule has made a task.
create table task_schedules (
    function text not null,
    cron text not null,
    tick bigint not null,
    primary key (function, cron)
);
