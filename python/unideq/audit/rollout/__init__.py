"""Rollouts of a trained model: do small errors grow, and where do they leave the training distribution?"""

from .flow_map import FlowMap, FlowMapOutcome
from .integrator import Integrator, IntegratorOutcome
from .shift import Shift, ShiftOutcome

__all__ = ["FlowMap", "FlowMapOutcome", "Integrator", "IntegratorOutcome", "Shift", "ShiftOutcome"]
