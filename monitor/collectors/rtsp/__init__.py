"""RTSP: proof that video flows. A 200 to DESCRIBE or PLAY proves nothing; only frames do."""
