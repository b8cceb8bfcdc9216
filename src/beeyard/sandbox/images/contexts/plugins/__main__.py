"""Runs the module that the image names.

Started as `python -I FOLDER`: the working folder is a pipeline's workspace, and variables are a
step's. No module is taken from either, for a plugin may have the node's socket.
"""

import runpy
import sys

runpy.run_module(sys.argv[1], run_name="__main__")
