module tidegate.io/sandbox/certs

go 1.24
