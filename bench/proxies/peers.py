"""Configuration of the peers: each does what the row needs and no more, one worker, no log unless asked, connections kept.

In: a Leg. Out: a file, and the words that start the program. A pair speaks mutual TLS 1.3 (ECDSA P-256, one SPIFFE name
each side) between both of its processes, which are of the same program.
"""

import json
import subprocess

from stage import PEERS

PROGRAMS = ["haproxy", "nginx", "envoy"]
NGINX = """daemon off; master_process off; worker_processes 1; error_log stderr crit; pid {folder}/{name}.pid;
{modules}
events {{ worker_connections 16000; }}
{body}
"""
NGINX_HTTP = """http {{
  access_log {log}; keepalive_requests 1000000000; keepalive_timeout 1h; tcp_nodelay on; sendfile off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  proxy_buffering on; proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
  http2_max_concurrent_streams 1000;
  map $http_upgrade $next_connection {{ default upgrade; "" ""; }}
  upstream next {{ server {next}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen {listen}{tls}{h2} backlog=4096; {certificate}
    location / {{ {forward} {upstream} }}
  }}
}}"""
NGINX_TCP = """stream {{
  server {{ listen {listen}{tls} backlog=4096; {certificate} proxy_pass {next}; proxy_buffer_size 64k; {upstream} }}
}}"""
HAPROXY = """global
  nbthread 1
  maxconn 8000
  tune.ssl.default-dh-param 2048
{log}defaults
  mode {mode}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
{logging}{reuse}frontend in
  bind {listen}{tls}
  default_backend out
backend out
  server one {next}{upstream}
"""


def certificates(folder):
    """An authority and two identities, as a mesh has them."""
    run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "7", "-subj", "/O=cluster.local")
    for name in ("client", "server"):
        (folder / f"{name}.ext").write_text(f"subjectAltName=critical,URI:spiffe://cluster.local/ns/bench/sa/{name}\n")
        run("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "7",
            "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        (folder / f"{name}.both").write_text((folder / f"{name}.pem").read_text() + (folder / f"{name}.key").read_text())
    for file in folder.iterdir():
        file.chmod(0o644)


def command(program, folder, name, leg, listen, following):
    """Writes the configuration of one process, and answers how to start it."""
    file = folder / f"{name}.conf"
    writers = {"nginx": nginx, "haproxy": haproxy, "envoy": envoy}
    file.write_text(writers[program](folder, name, leg, listen, following))
    file.chmod(0o644)
    return {"nginx": ["nginx", "-c", file, "-p", folder, "-e", "stderr"], "haproxy": ["haproxy", "-db", "-q", "-f", file],
            "envoy": [envoy_binary(), "-c", file, "--concurrency", "1", "--log-level", "critical", "--use-dynamic-base-id"]}[program]


def nginx(folder, name, leg, listen, following):
    """It speaks HTTP/2 onwards for gRPC only, so that a pair's HTTP/2 is HTTP/1.1 between the two."""
    certificate = f"ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key; ssl_protocols TLSv1.3; ssl_session_cache shared:s:1m;"
    if leg.listens == "mutual":
        certificate += f" ssl_client_certificate {folder}/ca.pem; ssl_verify_client on;"
    word = "grpc" if leg.protocol == "grpc" else "proxy"
    asks = (f"{word}_ssl_certificate {folder}/client.pem; {word}_ssl_certificate_key {folder}/client.key; {word}_ssl_trusted_certificate {folder}/ca.pem;"
            f" {word}_ssl_protocols TLSv1.3; {word}_ssl_session_reuse on;") if leg.asks else ""
    common = {"folder": folder, "listen": listen, "next": following, "tls": " ssl" if leg.listens else "",
              "certificate": certificate if leg.listens else ""}
    if leg.protocol == "tcp":
        body = NGINX_TCP.format(upstream=f"proxy_ssl on; {asks}" if asks else "", **common)
        return NGINX.format(folder=folder, name=name, body=body, modules="load_module /usr/lib/nginx/modules/ngx_stream_module.so;")
    if leg.protocol == "grpc":
        forward = f"grpc_pass {'grpcs' if asks else 'grpc'}://next;"
    else:
        forward = (f"proxy_pass {'https' if asks else 'http'}://next; proxy_http_version 1.1;"
                   " proxy_set_header Connection $next_connection; proxy_set_header Upgrade $http_upgrade;")
    speaks_h2 = leg.protocol == "grpc" or leg.protocol == "h2" and not leg.listens == "mutual"
    body = NGINX_HTTP.format(log=f"{folder}/{name}.log" if leg.logs else "off", h2=" http2" if speaks_h2 else "", forward=forward,
                             upstream=asks, **common)
    return NGINX.format(folder=folder, name=name, body=body, modules="")


def haproxy(folder, name, leg, listen, following):
    speaks_h2 = leg.protocol in ("h2", "grpc")
    proves = f" ssl crt {folder}/server.both ssl-min-ver TLSv1.3" + (" alpn h2" if speaks_h2 else "")
    if leg.listens == "mutual":
        proves += f" ca-file {folder}/ca.pem verify required"
    plain = " proto h2" if speaks_h2 else ""
    asks = f" ssl crt {folder}/client.both ca-file {folder}/ca.pem verify required ssl-min-ver TLSv1.3"
    if leg.protocol != "tcp":
        asks += " alpn h2" if leg.onward == "h2" else " alpn http/1.1"
    onward = " proto h2" if leg.onward == "h2" else ""
    mode = "tcp" if leg.protocol == "tcp" else "http"
    return HAPROXY.format(listen=listen, next=following, mode=mode, reuse="  http-reuse always\n" if mode == "http" else "",
                          log="  log ring@requests format raw local0\nring requests\n  size 1048576\n" if leg.logs else "",
                          logging="  log global\n  option httplog\n" if leg.logs else "",
                          tls=proves if leg.listens else plain, upstream=asks if leg.asks else onward)


KIND = "type.googleapis.com/envoy.extensions.{}"


def envoy(folder, name, leg, listen, following):
    chain = {"filters": [{"name": "in", "typed_config": tunnel() if leg.protocol == "tcp" else manager(folder, name, leg)}]}
    thresholds = {"max_connections": 16000, "max_requests": 16000, "max_pending_requests": 16000}
    cluster = {"name": "next", "type": "STATIC", "connect_timeout": "5s", "circuit_breakers": {"thresholds": [thresholds]},
               "load_assignment": {"cluster_name": "next", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(following)}}]}]}}
    if leg.onward == "h2":
        cluster["typed_extension_protocol_options"] = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": KIND.format("upstreams.http.v3.HttpProtocolOptions"), "explicit_http_config": {"http2_protocol_options": {}}}}
    if leg.listens:
        chain["transport_socket"] = {"name": "tls", "typed_config": {
            "@type": KIND.format("transport_sockets.tls.v3.DownstreamTlsContext"),
            "require_client_certificate": leg.listens == "mutual", "common_tls_context": identity(folder, "server", leg.listens == "mutual", leg)}}
    if leg.asks:
        cluster["transport_socket"] = {"name": "tls", "typed_config": {
            "@type": KIND.format("transport_sockets.tls.v3.UpstreamTlsContext"), "common_tls_context": identity(folder, "client", True, leg)}}
    listener = {"name": "in", "address": address(listen), "filter_chains": [chain]}
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})


def address(text):
    host, port = text.rsplit(":", 1)
    return {"socket_address": {"address": host, "port_value": int(port)}}


def identity(folder, who, verifies, leg):
    common = {"tls_certificates": [{"certificate_chain": {"filename": f"{folder}/{who}.pem"}, "private_key": {"filename": f"{folder}/{who}.key"}}],
              "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"}}
    if verifies:
        common["validation_context"] = {"trusted_ca": {"filename": f"{folder}/ca.pem"}}
    if leg.protocol in ("h2", "grpc"):
        common["alpn_protocols"] = ["h2"]
    return common


def tunnel():
    return {"@type": KIND.format("filters.network.tcp_proxy.v3.TcpProxy"), "stat_prefix": "in", "cluster": "next"}


def manager(folder, name, leg):
    found = {"@type": KIND.format("filters.network.http_connection_manager.v3.HttpConnectionManager"), "stat_prefix": "in",
             "upgrade_configs": [{"upgrade_type": "websocket"}],
             "http_filters": [{"name": "router", "typed_config": {"@type": KIND.format("filters.http.router.v3.Router")}}],
             "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "next", "timeout": "0s"}}]}]}}
    if leg.logs:
        found["access_log"] = [{"name": "file", "typed_config": {"@type": KIND.format("access_loggers.file.v3.FileAccessLog"), "path": f"{folder}/{name}.log"}}]
    return found


def envoy_binary():
    """The program itself: what is at PEERS/envoy is a script around it."""
    (found,) = PEERS.parent.glob("lib/python*/site-packages/envoy/_bin/envoy")
    return found
