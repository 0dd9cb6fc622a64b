"""A real Prometheus, and what it answers."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

READY_SECONDS = 60
QUERY_SECONDS = 20
POLL_SECONDS = 0.05


class QueryError(Exception):
    """What Prometheus said against a query."""


class Prometheus:
    """One process with a configuration of this tree, made fast.

    It scrapes each job at another address than the configuration says, and
    every second. Its own port is of the kernel's choice.
    """

    def __init__(self, folder, configuration, targets):
        """`targets`: host:port by job; each job must be in the file."""
        self.folder = folder
        self._jobs = list(targets)
        self._evaluated = {}  # group of rules -> times
        os.makedirs(folder)
        self.url = None
        self._log = os.path.join(folder, "log")
        self._config = os.path.join(folder, "prometheus.yml")
        with open(self._config, "w", encoding="utf-8") as file:
            yaml.safe_dump(_made_fast(configuration, targets), file)
        self._process = None

    def start(self):
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["prometheus", f"--config.file={self._config}",
                 f"--storage.tsdb.path={self.folder}/data",
                 "--web.listen-address=127.0.0.1:0", "--log.format=json"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.url = f"http://{self._await_address()}"
        self._await(lambda: self._get("/-/ready") is not None)

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self):
        with open(self._log, encoding="utf-8") as file:
            return file.read()

    # --- what it knows ---

    def query(self, expression):
        """The series of an instant query: [(labels, value)].

        QueryError: with the text of Prometheus."""
        result = self._api("query", query=expression)
        if result["resultType"] == "scalar":
            return [({}, float(result["result"][1]))]
        return [(series["metric"], float(series["value"][1]))
                for series in result["result"]]

    def rules(self):
        """Every rule as the server sees it."""
        return [rule for group in self._api("rules")["groups"]
                for rule in group["rules"]]

    def alerts(self):
        """{name: the states of its instances}, of what is not inactive."""
        states = {}
        for alert in self._api("alerts")["alerts"]:
            states.setdefault(alert["labels"]["alertname"], set()).add(
                alert["state"])
        return states

    def await_scrapes(self):
        """Until each target was scraped from beginning to end after this
        call, and each rule evaluated after that."""
        # What runs now began before.
        for count in (self._scrapes, self._evaluations):
            before = count()
            self._await(lambda: _all_grown(before, count()))

    def _scrapes(self):
        counted = {labels["job"]: value for labels, value in self.query(
            "count_over_time(up[1h])")}
        return {job: counted.get(job, 0) for job in self._jobs}

    def _evaluations(self):
        """How often each group of rules was, as far as this class has seen.
        """
        for group in self._api("rules")["groups"]:
            self._evaluated.setdefault(group["name"], set()).add(
                group["lastEvaluation"])
        return {name: len(at) for name, at in self._evaluated.items()}

    # --- HTTP ---

    def _api(self, path, **parameters):
        answer = self._get(f"/api/v1/{path}?"
                           + urllib.parse.urlencode(parameters))
        answer = json.loads(answer)
        if answer["status"] != "success":
            raise QueryError(f"{answer['errorType']}: {answer['error']}")
        return answer["data"]

    def _get(self, path):
        """The body; None while the server is not ready."""
        try:
            with urllib.request.urlopen(self.url + path,
                                        timeout=QUERY_SECONDS) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 503 and path == "/-/ready":
                return None
            return error.read()

    def _await_address(self):
        def address():
            for line in self.log().splitlines():
                if '"Listening on"' in line:
                    return json.loads(line)["address"]
            return None

        return self._await(address)

    def _await(self, condition):
        deadline = time.monotonic() + READY_SECONDS
        while True:
            value = condition()
            if value:
                return value
            if (self._process.poll() is not None
                    or time.monotonic() > deadline):
                raise RuntimeError("prometheus is not ready:\n"
                                   + self.log()[-4000:])
            time.sleep(POLL_SECONDS)


def _all_grown(before, now):
    return all(now[name] >= before[name] + 2 for name in now)


def _made_fast(configuration, targets):
    with open(configuration, encoding="utf-8") as file:
        config = yaml.safe_load(file)
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s",
                         "evaluation_interval": "1s"}
    config["rule_files"] = [
        os.path.join(os.path.dirname(os.path.abspath(configuration)), name)
        for name in config["rule_files"]]
    missing = set(targets)
    for scrape in config["scrape_configs"]:
        for group in scrape["static_configs"]:
            job = group["labels"]["job"]
            group["targets"] = [targets[job]]
            missing.remove(job)
    if missing:
        raise ValueError(f"{configuration} does not scrape {missing}")
    return config
