module tidegate.io/sandbox/app

go 1.24
