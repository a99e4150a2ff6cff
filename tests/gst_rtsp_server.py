"""A real RTSP server for tests: GStreamer's, with Digest. Run by the system's Python (/usr/bin/python3).

Arguments: user, password, MP4 files named NAME.h264.mp4 or NAME.h265.mp4. Prints its port, then serves
/0, /1, … until its standard input closes.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
gi.require_version("GstRtsp", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - gi wants versions first


def main() -> None:
    user, password, *files = sys.argv[1:]
    Gst.init(None)
    loop = GLib.MainLoop()
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")

    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)

    for number, path in enumerate(files):
        kind = path.split(".")[-2]
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(
            f"( filesrc location={path} ! qtdemux ! {kind}parse "
            f"! rtp{kind}pay name=pay0 pt=96 config-interval=-1 )"
        )
        factory.add_role_from_structure(viewer())
        server.get_mount_points().add_factory(f"/{number}", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    loop.run()


def viewer() -> Gst.Structure:
    structure = Gst.Structure.new_empty("viewer")
    structure.set_value("media.factory.access", True)
    structure.set_value("media.factory.construct", True)
    return structure


if __name__ == "__main__":
    main()
