"""`ridgekey bench sensor`: our driver and two others on the same bad days.

`transfers` counts wrong images among thousands of faulted ones, over `virtual_line`, on which time costs
nothing; `fault_table` gives each fault to each driver and `line_rate` times them, both on simulated sensors
that are processes of their own (`stand`), with each driver in a process that can be ended (`subject`).
"""
