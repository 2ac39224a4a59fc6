"""What all comparisons share.

- `work`: what is compared, in rounds
- `depeche`: our side
- `environment`: a peer's own Python, and how its commands run
- `marian`: the network that three engines read
- `machine`: what it all runs on
- `report`: telling it
"""
