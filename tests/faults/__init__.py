"""What goes wrong while the main job runs: kills, a failing forge, bad input."""
