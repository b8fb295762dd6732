"""Pipeline graphs, the experiments that configure them, and the command that compiles them."""
