-- So that a host that does not answer holds up no other, and that nothing waits for ever to be told.

-- Host and port of the address.
alter table task_deliveries add column host text not null default '';
alter table task_deliveries add column created_at bigint not null default 0;

update task_deliveries set created_at = due_at;

create index task_deliveries_host on task_deliveries (host, due_at);
