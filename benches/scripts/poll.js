// Polls by axios, signing each: node poll.js URL COUNT. With a count of 0, one poll and nothing measured.
const crypto = require('crypto');
const axios = require('axios');

const [url, count] = [process.argv[2], Number(process.argv[3])];
const key = process.env.GENREX_API_KEY || 'bench-key';
const secret = process.env.GENREX_API_SECRET || 'bench-secret';
const body = { queryId: 'QRY_WRXzIXyidD8x9xIEZZ4GppXh' };
const agent = new (require('http').Agent)({ keepAlive: true });

async function poll() {
  const t = Date.now();
  const mac = crypto.createHmac('sha256', secret).update(`${t}.${JSON.stringify(body)}`).digest('hex');
  const headers = { 'gx-key': key, 'gx-signature': `t=${t},v=${mac}`, 'Content-Type': 'application/json' };
  const answer = await axios.post(`${url}/v1/text2music/retrieve`, body, { headers, httpAgent: agent, proxy: false });
  if (answer.data.status !== 'Processing') throw new Error(JSON.stringify(answer.data));
  return answer.data;
}

async function main() {
  if (count === 0) {
    const answer = await poll();
    console.log(`${answer.id} ${answer.status}`);
    process.exit(0);
  }
  for (let n = 0; n < count / 10; n++) await poll();
  const [began, cpu] = [process.hrtime.bigint(), process.cpuUsage()];
  for (let n = 0; n < count; n++) await poll();
  const wall = Number(process.hrtime.bigint() - began);
  const used = process.cpuUsage(cpu);
  console.log(JSON.stringify({ count, wall_ns: wall, cpu_ns: (used.user + used.system) * 1e3 }));
  process.exit(0);
}

main();
