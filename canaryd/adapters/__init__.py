"""TODO adapters"""
