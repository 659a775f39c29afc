"""HTTPS by the gateway itself: what its settings may say, and the page behind them."""

import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.config import ConfigError, GatewayConfig, parse_config
from hw import broker
from tests.gateway.phone.conftest import certificate
from tests.gateway.running import RunningGateway, ridgekey, write_config


def parsed(directory: Path, **settings: Any) -> GatewayConfig:
    return parse_config(
        {"state": "state", "environment": "test", "broker": "mqtt://127.0.0.1:1", **settings}, directory
    )


def test_certificate_and_key_are_taken_from_the_file_s_directory(tmp_path: Path) -> None:
    paths = certificate(tmp_path)
    assert parsed(tmp_path).tls is None
    assert parsed(tmp_path, tls_certificate="certificate.pem", tls_key="key.pem").tls == paths


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"tls_certificate": "certificate.pem"}, "go together"),
        ({"tls_key": "key.pem"}, "go together"),
        ({"tls_certificate": "nowhere.pem", "tls_key": "key.pem"}, "No such file"),
        ({"tls_certificate": "key.pem", "tls_key": "key.pem"}, "cannot use"),
        ({"tls_certificate": "certificate.pem", "tls_key": "other.pem"}, "cannot use"),
        ({"tls_certificate": 7, "tls_key": "key.pem"}, "text in quotes"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    (tmp_path / "other").mkdir()
    certificate(tmp_path)
    certificate(tmp_path / "other")[1].rename(tmp_path / "other.pem")
    with pytest.raises(ConfigError, match=words):
        parsed(tmp_path, **settings)


def test_a_gateway_serves_the_page_and_its_interface_over_https(tmp_path: Path) -> None:
    path, _ = certificate(tmp_path)
    assert ridgekey("gateway", "init", "--state", str(tmp_path / "state")).returncode == 0
    with broker.start(tmp_path / "broker") as wire:
        tls = {"tls_certificate": "certificate.pem", "tls_key": "key.pem"}
        gateway = RunningGateway(write_config(tmp_path, wire.url, [], **tls))
        try:
            url = gateway.ready["http"]
            assert url.startswith("https://")
            with httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=str(path))) as http:
                page = http.get("/phone", follow_redirects=True)
                assert (page.status_code, page.url.path) == (200, "/phone/")
                assert "default-src 'none'" in page.headers["content-security-policy"]
                assert http.get("/phone/app.js").headers["content-type"].startswith("text/javascript")
                assert http.get("/phone/page.py").status_code == 404
                assert http.get("/receipts/0x" + "00" * 32).status_code == 404
        finally:
            gateway.stop()
