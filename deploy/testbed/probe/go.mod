module shelfwise.example/testbed/probe

go 1.24
