from simulator.base.quantity import Energy
def action_energies(device): return {}
