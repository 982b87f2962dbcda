module tidegate.io/sandbox/pause

go 1.24
