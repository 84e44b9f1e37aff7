CREATE TABLE people (
    id      integer PRIMARY KEY,
    mail    varchar(200) NOT NULL,
    first   varchar(50),
    last    varchar(50),
    pass    varchar(50),
    since   timestamp NOT NULL,
    deleted char(1) NOT NULL
);
CREATE TABLE purchases (
    id      integer PRIMARY KEY,
    person  integer NOT NULL REFERENCES people,
    bought  timestamp NOT NULL,
    state   char(1) NOT NULL,
    paid    boolean NOT NULL,
    total   numeric(10,2) NOT NULL
);
CREATE TABLE items (
    purchase integer NOT NULL REFERENCES purchases,
    line     integer NOT NULL,
    article  varchar(40) NOT NULL,
    title    varchar(200) NOT NULL,
    pieces   integer NOT NULL,
    price    numeric(10,2) NOT NULL,
    PRIMARY KEY (purchase, line)
);
CREATE TABLE visits (
    at      timestamp,
    page    text
);
