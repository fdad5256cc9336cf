"""How the demo is served: `gunicorn -c demo/gunicorn.conf.py demo.wsgi` (demo/serve.py sets it up before)."""

import os

PORT = os.environ.get("PORT") or "8000"

bind = f"127.0.0.1:{PORT}"
workers = int(os.environ.get("WORKERS") or 2)
worker_class = "gthread"
threads = 8  # an upload takes one for as long as it lasts
loglevel = "warning"


def when_ready(server):
    """The address is printed when somebody listens there, and not before."""
    print(f"Greenroom’s demo: http://127.0.0.1:{PORT}/", flush=True)
    print("Its admin is at /admin/: user admin, password greenroom. Ctrl+C stops it.", flush=True)
    print(f"What it keeps is in {os.environ.get('DATA', 'demo/var')}.", flush=True)
