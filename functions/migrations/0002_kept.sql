-- What functions keep between their calls.
create table function_state (
    function text not null,
    name text not null,
    value bytea not null,
    primary key (function, name)
);

-- Images that functions were called with, and what came of them.
create table image_events (
    id text primary key,
    at bigint not null,
    function text not null,
    request text not null,
    type text not null,
    bytes bigint not null,
    answer_type text not null,
    answer_bytes bigint not null,
    milliseconds bigint not null
);

create index image_events_at on image_events (at);
