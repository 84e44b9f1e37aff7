CREATE TABLE categories (
    category     smallint PRIMARY KEY,
    categoryname varchar(50) NOT NULL
);
CREATE TABLE customers (
    customerid           integer PRIMARY KEY,
    firstname            varchar(50) NOT NULL,
    lastname             varchar(50) NOT NULL,
    address1             varchar(50) NOT NULL,
    address2             varchar(50),
    city                 varchar(50) NOT NULL,
    state                varchar(50),
    zip                  varchar(9),
    country              varchar(50) NOT NULL,
    region               smallint NOT NULL,
    email                varchar(50),
    phone                varchar(50),
    creditcardtype       integer NOT NULL,
    creditcard           varchar(50) NOT NULL,
    creditcardexpiration varchar(50) NOT NULL,
    username             varchar(50) NOT NULL,
    password             varchar(50) NOT NULL,
    age                  smallint,
    income               integer,
    gender               varchar(1)
);
CREATE TABLE products (
    prod_id         integer PRIMARY KEY,
    category        smallint NOT NULL REFERENCES categories,
    title           varchar(50) NOT NULL,
    actor           varchar(50) NOT NULL,
    price           numeric NOT NULL,
    special         smallint,
    common_prod_id  integer NOT NULL,
    membership_item integer NOT NULL
);
CREATE TABLE inventory (
    prod_id       integer PRIMARY KEY,
    quan_in_stock integer NOT NULL,
    sales         integer NOT NULL
);
CREATE TABLE orders (
    orderid     integer PRIMARY KEY,
    orderdate   date NOT NULL,
    customerid  integer,
    netamount   numeric NOT NULL,
    tax         numeric NOT NULL,
    totalamount numeric NOT NULL
);
CREATE TABLE orderlines (
    orderlineid smallint NOT NULL,
    orderid     integer NOT NULL,
    prod_id     integer NOT NULL,
    quantity    smallint NOT NULL,
    orderdate   date NOT NULL
);
CREATE TABLE cust_hist (
    customerid integer NOT NULL,
    orderid    integer NOT NULL,
    prod_id    integer NOT NULL
);
CREATE TABLE membership (
    customerid     integer PRIMARY KEY,
    membershiptype integer NOT NULL,
    expiredate     date NOT NULL
);
