-- Galera keeps the statements that it replicates in a file: of a password they hold the hash.
-- Texts are read as they are written below, whatever mode and characters the server has.
SET NAMES utf8mb4;
SET SESSION sql_mode = 'STRICT_TRANS_TABLES';
CREATE DATABASE IF NOT EXISTS `keystone` CHARACTER SET utf8mb4;
EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ''keystone''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
EXECUTE IMMEDIATE CONCAT('ALTER USER ''keystone''@''%'' IDENTIFIED BY PASSWORD ', QUOTE(PASSWORD('')));
GRANT ALL PRIVILEGES ON `keystone`.* TO 'keystone'@'%';
