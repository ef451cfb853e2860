"""One file a row of the table; each has `lines(size)`."""
