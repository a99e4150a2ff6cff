"""The contract's books: what the ledger's spans come to. Definitions: docs/contract.md.

period      days, weeks, months, quarters of a time zone as seconds
records     what is read of the ledger: stretches of service, states, runs
exclusion   spans that do not count against the contract
read        the ledger → those records, for one period
timeline    records → segments: every device-second of the period, classed once
tally       segments → time-weighted rates, for any scope or grouping
moments     segments → the rate at each moment: best, worst, below the line
rates       both, of any scope
outages     states → faults, their repair times, and devices that keep failing
service     incidents → found, told, acknowledged, repaired, verified, and the deadlines
pause       when the contract's clocks stand still
verify      who has proven a repair: people, or checks that have held

All but ``read`` is pure. Everything here counts in whole seconds since 1970 (``WallS``): a time of the
ledger, which is in milliseconds, belongs to the second it falls in.
"""
