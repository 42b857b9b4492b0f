"""Rollouts of a trained model: do small errors grow, and where do they leave the training distribution?"""
