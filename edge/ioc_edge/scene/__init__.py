"""A street junction that never was, as H.264 video with exact ground truth."""

from ioc_edge.scene.render import render
from ioc_edge.scene.spec import Box, FrameTruth, Header, Lights, SceneSpec, Script, Violation
from ioc_edge.scene.video import write_video

__all__ = [
    "Box",
    "FrameTruth",
    "Header",
    "Lights",
    "SceneSpec",
    "Script",
    "Violation",
    "render",
    "write_video",
]
