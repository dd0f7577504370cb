"""Polls by requests, httpx or aiohttp, signing each: python poll.py LIBRARY URL COUNT."""

import asyncio
import hashlib
import hmac
import json
import sys
import time

LIBRARY, URL, COUNT = sys.argv[1], sys.argv[2] + "/v1/text2music/retrieve", int(sys.argv[3])
BODY = b'{"queryId":"QRY_WRXzIXyidD8x9xIEZZ4GppXh"}'


def headers():
    t = str(int(time.time() * 1000))
    mac = hmac.new(b"bench-secret", t.encode() + b"." + BODY, hashlib.sha256).hexdigest()
    return {"gx-key": "bench-key", "gx-signature": f"t={t},v={mac}", "Content-Type": "application/json"}


def check(answer):
    if answer["status"] != "Processing":
        raise ValueError(answer)


async def main():
    if LIBRARY == "requests":
        import requests

        session = requests.Session()
        session.trust_env = False

        async def poll():
            check(session.post(URL, data=BODY, headers=headers()).json())

    elif LIBRARY == "httpx":
        import httpx

        client = httpx.Client(trust_env=False)

        async def poll():
            check(client.post(URL, content=BODY, headers=headers()).json())

    else:
        import aiohttp

        session = aiohttp.ClientSession()

        async def poll():
            async with session.post(URL, data=BODY, headers=headers()) as answer:
                check(await answer.json())

    for _ in range(COUNT // 10):
        await poll()
    began, cpu = time.perf_counter_ns(), time.process_time_ns()
    for _ in range(COUNT):
        await poll()
    print(json.dumps({"count": COUNT, "wall_ns": time.perf_counter_ns() - began, "cpu_ns": time.process_time_ns() - cpu}))
    if LIBRARY == "aiohttp":
        await session.close()


asyncio.run(main())
