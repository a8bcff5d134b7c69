"""What /health and /metrics say of a server that was asked a few things.  Arguments: the program."""
import json
import re
import sys

from serving import Server

TINY = '{model_name="tiny:latest"}'


def metrics(s):
    """Samples by their whole name; each family is announced once, before its samples."""
    status, headers, text = s.ask("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers
    values, families = {}, []
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            families.append(line.split()[2])
        elif not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            family = re.sub("_(bucket|sum|count)$", "", name.split("{")[0])
            assert family == families[-1] or name.split("{")[0] == families[-1], line
            values[name] = float(value)
    assert len(families) == len(set(families)), families
    return values


def check_health(s):
    status, headers, text = s.ask("GET", "/health")
    assert (status, json.loads(text)) == (200, {"status": "ok"})
    assert headers["Content-Type"].startswith("application/json"), headers
    assert s.ask("HEAD", "/health")[0] == 200


def check_before(s):
    m = metrics(s)
    assert m['vllm:num_requests_running{model_name=""}'] == 0, m
    assert m["hyperllama_generated_tokens_total"] == 0


def check_after(s):
    body = {"model": "tiny", "prompt": "Say hello. " * 20, "stream": False,
            "options": {"num_predict": 5}}
    answers = [s.json("POST", "/api/generate", body)[1] for _ in range(2)]
    assert s.ask("POST", "/api/generate", {"model": "nope", "prompt": "x"})[0] == 404
    assert s.ask("GET", "/made-up/path")[0] == 404
    m = metrics(s)
    assert m["hyperllama_generated_tokens_total"] == sum(a["eval_count"] for a in answers), m
    assert m["hyperllama_prompt_tokens_total"] == sum(a["prompt_eval_count"] for a in answers), m
    assert m["hyperllama_cached_tokens_total"] >= 32, m  # the second found pages of the first
    assert m["hyperllama_time_to_first_token_seconds_count"] == 2
    assert m["hyperllama_job_seconds_count"] == 2
    assert m['hyperllama_jobs_total{end="finished"}'] == 2
    assert m["hyperllama_model_loads_total"] == 1
    for name in ("requests_waiting", "requests_running", "kv_pages_used"):
        assert m[f"hyperllama_{name}{TINY}"] == 0, name
    assert m["hyperllama_kv_pages" + TINY] > 0 and m["hyperllama_kv_pages_cached" + TINY] > 0
    for name in ("num_requests_waiting", "num_requests_running", "kv_cache_usage_perc",
                 "gpu_cache_usage_perc"):
        assert m[f"vllm:{name}{TINY}"] == 0, name
    route = 'hyperllama_http_requests_total{method="POST",route="/api/generate",code="%d"}'
    assert m[route % 200] == 2 and m[route % 404] == 1, m
    other = 'hyperllama_http_requests_total{method="other",route="other",code="404"}'
    assert m[other] == 1, m


def main():
    s = Server(sys.argv[1])
    check_health(s)
    check_before(s)
    check_after(s)
    assert s.stop() == 0
    print("metrics: ok")


main()
