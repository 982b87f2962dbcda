module tidegate.io/sandbox/load

go 1.24
