-- One text for SQLite and PostgreSQL.

create table categories (
    number integer primary key,
    slug text not null unique,
    name text not null
);

create table books (
    id integer primary key,
    -- What an import finds the book by when its file names no id: the ISBN, else title and first author.
    identity text not null,
    title text not null,
    title_language text not null,
    -- A JSON array of names, as are the subjects.
    authors text not null,
    year integer,
    language text not null,
    series text,
    series_number double precision,
    subjects text not null,
    isbn13 text
);

create index books_identity on books (identity);

create table book_categories (
    book integer not null references books (id) on delete cascade,
    -- 0 is the best fit.
    position integer not null,
    category integer not null references categories (number),
    primary key (book, position)
);

-- One row. Whoever writes the catalogue locks it first, so that writers wait for one another.
create table catalogue (
    one integer primary key check (one = 1),
    -- Random; the same for all processes that share the database.
    name text not null,
    -- Raised by every committed change.
    version bigint not null,
    -- The numbers that a new book and a new category get.
    next_book integer not null,
    next_category integer not null
);
