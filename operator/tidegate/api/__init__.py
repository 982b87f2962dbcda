"""What users write and what Tidegate answers: models, defaults, checks and the CRD generator.

Nothing here reads a clock, waits or talks to a cluster: the module may be imported by the
command line, the web page and the tests as well as by the controller.
"""
